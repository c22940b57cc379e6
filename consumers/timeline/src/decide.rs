//! The pure step: one event in, one timeline entry and a status out.
//!
//! A purchase that contradicts an earlier one of the same id is not refused here: a refusal would
//! take back its entry, and the timeline is where it is to be seen. The groups that act on
//! purchases refuse it; the first in the log wins everywhere.

use runtime::{Decision, Timestamp};
use schemas::{
    Event, Fact, Purchase,
    domain::{CancellationRequested, PurchaseCancelled, ShipmentHandedOver},
};
use serde_json::Value;

use crate::{
    Observed,
    rows::{EntryRow, PurchaseRow, TimelineRows},
    status, summary,
};

/// The kind of an entry that contradicts the purchase.
pub const CONFLICT: &str = "conflicting_duplicate";

/// The kind of an entry that asks to cancel: the record's name.
pub const REQUEST: &str = "PurchaseCancellationRequested";

/// How many requests to cancel, and how many contradicting records, one timeline shows. Both come
/// from outside and could be repeated without end; later ones are counted as ignored.
pub const REPEATED_ENTRIES_MAX: i32 = 100;

/// Applies one event. `now` is when it was read; it is shown and decides nothing.
pub fn decide(rows: &mut TimelineRows, observed: &Observed, now: Timestamp) -> Decision {
    let event = &observed.event;
    let mut row = (rows
        .purchases
        .get(&(observed.purchase_id.clone(),))
        .cloned())
    .unwrap_or_else(|| PurchaseRow::new(&observed.purchase_id, event.occurred_at()));
    let entry = match event {
        Event::Purchase(purchase) => match learn_purchase(&mut row, purchase) {
            Learnt::First => Entry::of(event),
            Learnt::Again => return Decision::Duplicate,
            Learnt::Conflict { content_hash } => {
                Entry::of_conflict(&row, purchase, &content_hash, observed)
            }
        },
        Event::CancellationRequested(_) | Event::Fact(_) => Entry::of(event),
    };
    if !row.seen.add(&entry.entry_id) {
        return Decision::Duplicate;
    }
    if is_one_too_many(&mut row, entry.kind) {
        return Decision::Ignored("too_many_entries");
    }
    match event {
        Event::Purchase(_) => {}
        Event::CancellationRequested(request) => learn_request(&mut row, request),
        Event::Fact(fact) => learn_fact(&mut row, fact),
    }
    row.first_at = row.first_at.min(event.occurred_at());
    raise_status(&mut row);
    rows.purchases.put(row);
    rows.events.push(entry.into_row(observed, now));
    Decision::Applied
}

enum Learnt {
    First,
    Again,
    Conflict { content_hash: String },
}

fn learn_purchase(row: &mut PurchaseRow, purchase: &Purchase) -> Learnt {
    let content_hash = purchase.content_hash();
    match &row.content_hash {
        Some(known) if *known == content_hash => return Learnt::Again,
        Some(_) => return Learnt::Conflict { content_hash },
        None => {}
    }
    row.content_hash = Some(content_hash);
    row.customer_id = Some(purchase.customer_id.clone());
    row.total_minor = Some(purchase.total_minor());
    row.currency = Some(purchase.currency.clone());
    row.channel = word(purchase.channel);
    row.delivery_tier = word(purchase.delivery_tier);
    row.written_version = Some(i32::from(purchase.written_version));
    row.accepted_at = Some(purchase.occurred_at);
    Learnt::First
}

/// An enum's word as it stands in the schema.
fn word(value: impl serde::Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

fn learn_request(row: &mut PurchaseRow, request: &CancellationRequested) {
    earliest(&mut row.cancel_requested_at, request.occurred_at);
}

fn learn_fact(row: &mut PurchaseRow, fact: &Fact) {
    let at = fact.occurred_at();
    match fact {
        Fact::PaymentAuthorised(_) => earliest(&mut row.authorised_at, at),
        Fact::PaymentDeclined(_) => earliest(&mut row.declined_at, at),
        Fact::PaymentCaptured(_) => earliest(&mut row.captured_at, at),
        Fact::PaymentRefunded(_) => earliest(&mut row.refunded_at, at),
        Fact::CaptureFailed(_) => earliest(&mut row.capture_failed_at, at),
        Fact::StockReserved(_) => earliest(&mut row.reserved_at, at),
        Fact::StockRejected(_) => earliest(&mut row.rejected_at, at),
        Fact::ShipmentRequested(fact) => {
            earliest(&mut row.shipping_requested_at, at);
            earliest(&mut row.deliver_by, fact.deliver_by);
        }
        Fact::ShipmentHandedOver(fact) => learn_hand_over(row, fact),
        Fact::PurchaseCancelled(fact) => learn_cancellation(row, fact),
        // They are shown and change no status: what they undo, `PurchaseCancelled` ends.
        Fact::PaymentVoided(_)
        | Fact::StockReleased(_)
        | Fact::ReservationExpired(_)
        | Fact::StockCommitted(_)
        | Fact::DispatchAtRisk(_)
        | Fact::StockReceived(_)
        | Fact::StockAdjusted(_) => {}
    }
}

fn learn_hand_over(row: &mut PurchaseRow, fact: &ShipmentHandedOver) {
    let new = (fact.occurred_at, Some(&fact.carrier), Some(&fact.tracking));
    let known = row.handed_over_at;
    if known.is_none_or(|at| new < (at, row.carrier.as_ref(), row.tracking.as_ref())) {
        row.handed_over_at = Some(fact.occurred_at);
        row.carrier = Some(fact.carrier.clone());
        row.tracking = Some(fact.tracking.clone());
    }
}

fn learn_cancellation(row: &mut PurchaseRow, fact: &PurchaseCancelled) {
    let new = (fact.occurred_at, Some(&fact.reason));
    if (row.cancelled_at).is_none_or(|at| new < (at, row.cancel_reason.as_ref())) {
        row.cancelled_at = Some(fact.occurred_at);
        row.cancel_reason = Some(fact.reason.clone());
    }
}

fn earliest(known: &mut Option<i64>, at: i64) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

/// The rank is compared with the stored one, and not only derived: during a roll-out the row may
/// have been written by a build that knows more facts than this one.
fn raise_status(row: &mut PurchaseRow) {
    let (status, at) = status::derive(row);
    if status.rank() >= row.status_rank {
        row.status = status.as_str().to_owned();
        row.status_rank = status.rank();
        row.status_at = at;
    }
}

/// Counts the entries that come from outside without end. All of them stand on the purchases topic,
/// so that which ones are left out does not depend on the order between topics.
fn is_one_too_many(row: &mut PurchaseRow, kind: &str) -> bool {
    let count = match kind {
        CONFLICT => &mut row.conflicts,
        REQUEST => &mut row.cancel_requests,
        _ => return false,
    };
    if *count == REPEATED_ENTRIES_MAX {
        return true;
    }
    *count += 1;
    false
}

struct Entry {
    entry_id: String,
    kind: &'static str,
    summary: Value,
}

impl Entry {
    fn of(event: &Event) -> Self {
        Self {
            entry_id: event.event_id().to_owned(),
            kind: event.kind(),
            summary: summary::summary(event),
        }
    }

    fn of_conflict(
        row: &PurchaseRow,
        purchase: &Purchase,
        content_hash: &str,
        observed: &Observed,
    ) -> Self {
        let first = row.content_hash.as_deref().unwrap_or_default();
        Self {
            entry_id: format!("{}#{content_hash}#{}", purchase.event_id, observed.at),
            kind: CONFLICT,
            summary: summary::conflict(purchase, content_hash, first),
        }
    }

    fn into_row(self, observed: &Observed, now: Timestamp) -> EntryRow {
        let event = &observed.event;
        EntryRow {
            purchase_id: observed.purchase_id.clone(),
            entry_id: self.entry_id,
            event_id: event.event_id().to_owned(),
            kind: self.kind.to_owned(),
            topic: observed.at.topic.to_string(),
            record_partition: observed.at.partition,
            record_offset: observed.at.offset,
            occurred_at: event.occurred_at(),
            recorded_at: observed.recorded_at,
            applied_at: now,
            causation_id: event.causation_id().map(str::to_owned),
            schema_version: observed.schema_version,
            traceparent: observed.traceparent.clone(),
            summary: self.summary.to_string(),
        }
    }
}
