//! What a record says, cut down to what the checks compare.
//!
//! What is shown to people about a record (its entry in the timeline) is compared as a digest. Its
//! words are taken from the timeline's own summary, the one place where the auditor does not say
//! again by itself what must hold: there is no other truth about how something is put.

use std::collections::BTreeMap;

use runtime::Record;
use schemas::{
    Event, Fact, Purchase,
    decode::Written,
    domain::{ReservedLine, TenderKind},
};
use serde_json::Value;
use timeline::summary;

use crate::{
    case::{Bought, FIRM, Place, Stated},
    columns,
};

/// Of how many different items of a basket the pairs are counted.
const PAIRED_ITEMS_MAX: usize = 10;

/// The kind of an entry that contradicts the purchase.
pub(crate) const CONFLICT: &str = "conflicting_duplicate";

/// What the timeline shows of one record, whoever computes it.
pub(crate) struct Shown<'a> {
    pub(crate) entry_id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) occurred_at: i64,
    pub(crate) recorded_at: i64,
    pub(crate) cause: Option<&'a str>,
    pub(crate) schema_version: i32,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) summary: &'a str,
}

/// The digest of an entry of the timeline.
pub(crate) fn entry(shown: &Shown<'_>) -> u64 {
    columns::digest_of([
        Some(shown.entry_id.to_owned()),
        Some(shown.kind.to_owned()),
        Some(shown.occurred_at.to_string()),
        Some(shown.recorded_at.to_string()),
        shown.cause.map(str::to_owned),
        Some(shown.schema_version.to_string()),
        shown.traceparent.map(str::to_owned),
        Some(shown.summary.to_owned()),
    ])
}

/// A record that was read.
pub(crate) struct Said<'a> {
    event_id: String,
    kind: &'static str,
    occurred_at: i64,
    cause: Option<String>,
    summary: Value,
    schema_version: i32,
    record: &'a Record,
}

impl<'a> Said<'a> {
    pub(crate) fn of(event: &Event, record: &'a Record, written: &Written) -> Self {
        Self {
            event_id: event.event_id().to_owned(),
            kind: event.kind(),
            occurred_at: event.occurred_at(),
            cause: event.causation_id().map(str::to_owned),
            summary: summary::summary(event),
            schema_version: i32::try_from(written.version).unwrap_or(i32::MAX),
            record,
        }
    }

    /// Its entry in the timeline.
    pub(crate) fn entry(&self) -> u64 {
        self.shown(&self.event_id, self.kind, &self.summary)
    }

    /// Its entry, when it contradicts what came first; the hashes are its own and the first one's.
    pub(crate) fn conflict(
        &self,
        purchase: &Purchase,
        entry_id: &str,
        (hash, first): (&str, &str),
    ) -> u64 {
        let summary = summary::conflict(purchase, hash, first);
        self.shown(entry_id, CONFLICT, &summary)
    }

    fn shown(&self, entry_id: &str, kind: &str, summary: &Value) -> u64 {
        entry(&Shown {
            entry_id,
            kind,
            occurred_at: self.occurred_at,
            recorded_at: self.record.timestamp_micros,
            cause: self.cause.as_deref(),
            schema_version: self.schema_version,
            traceparent: self.record.headers.text("traceparent"),
            summary: &summary.to_string(),
        })
    }
}

pub(crate) fn bought(at: Place, purchase: &Purchase, hash: String, says: u64) -> Bought {
    let cards = (purchase.tenders.iter()).filter(|tender| tender.kind == TenderKind::Card);
    let mut basket: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut paired: Vec<i64> = Vec::new();
    for line in &purchase.lines {
        let units = i64::from(line.quantity);
        let item = basket.entry(line.item_id).or_default();
        item.0 = item.0.saturating_add(units);
        item.1 = (item.1).saturating_add(line.unit_price_minor.saturating_mul(units));
        if paired.len() < PAIRED_ITEMS_MAX && !paired.contains(&line.item_id) {
            paired.push(line.item_id);
        }
    }
    let wanted = basket
        .iter()
        .map(|(item, (units, _))| (item.to_string(), *units));
    Bought {
        at,
        hash,
        currency: purchase.currency.clone(),
        total_minor: purchase.total_minor(),
        card_minor: cards.map(|tender| tender.amount_minor).sum(),
        tax_minor: purchase.tax_minor(),
        shipping_minor: purchase.shipping_minor,
        occurred_at: purchase.occurred_at,
        wanted: wanted.collect(),
        basket: (basket.into_iter())
            .map(|(item, (units, minor))| (item, units, minor))
            .collect(),
        paired,
        event_id: purchase.event_id.clone(),
        customer_id: purchase.customer_id.clone(),
        channel: word(purchase.channel),
        delivery_tier: word(purchase.delivery_tier),
        written_version: purchase.written_version,
        says,
    }
}

/// An enum's word as it stands in the schema.
fn word(value: impl serde::Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

pub(crate) fn stated(at: Place, fact: &Fact, content: u64, says: u64) -> Stated {
    let mut stated = Stated {
        at,
        kind: fact.kind(),
        event_id: fact.event_id().to_owned(),
        cause: fact.causation_id().unwrap_or_default().to_owned(),
        occurred_at: fact.occurred_at(),
        content,
        money: None,
        reference: String::new(),
        lines: BTreeMap::new(),
        reason: String::new(),
        parcel: None,
        times: None,
        says,
        is_young: false,
    };
    match fact {
        Fact::PaymentAuthorised(fact) => {
            stated.pay(fact.amount_minor, &fact.currency, &fact.provider_ref);
        }
        Fact::PaymentCaptured(fact) => {
            stated.pay(fact.amount_minor, &fact.currency, &fact.provider_ref);
        }
        Fact::PaymentRefunded(fact) => {
            stated.pay(fact.amount_minor, &fact.currency, &fact.provider_ref);
            stated.reason.clone_from(&fact.reason);
        }
        Fact::PaymentDeclined(fact) => stated.reason.clone_from(&fact.reason),
        Fact::PaymentVoided(fact) => stated.reason.clone_from(&fact.reason),
        Fact::CaptureFailed(fact) => stated.reason.clone_from(&fact.reason),
        Fact::PurchaseCancelled(fact) => stated.reason.clone_from(&fact.reason),
        Fact::StockReleased(fact) => stated.reason.clone_from(&fact.reason),
        Fact::ShipmentRequested(fact) => {
            stated.reference.clone_from(&fact.shipment_id);
            stated.times = Some((fact.ship_by, fact.deliver_by));
        }
        Fact::ShipmentHandedOver(fact) => {
            stated.reference.clone_from(&fact.shipment_id);
            stated.parcel = Some(Box::new((fact.carrier.clone(), fact.tracking.clone())));
        }
        Fact::StockCommitted(fact) => stated.reference.clone_from(&fact.shipment_id),
        Fact::StockReserved(fact) => {
            if fact.expires_at.is_none() {
                stated.kind = FIRM;
            }
            stated.lines = units(&fact.lines);
        }
        Fact::StockRejected(fact) => stated.lines = units(&fact.lines),
        _ => {}
    }
    stated
}

fn units(lines: &[ReservedLine]) -> BTreeMap<String, i64> {
    let mut units = BTreeMap::new();
    for line in lines {
        *units.entry(line.sku.clone()).or_default() += i64::from(line.quantity);
    }
    units
}

impl Stated {
    fn pay(&mut self, amount_minor: i64, currency: &str, reference: &str) {
        self.money = Some((amount_minor, currency.to_owned()));
        reference.clone_into(&mut self.reference);
    }
}
