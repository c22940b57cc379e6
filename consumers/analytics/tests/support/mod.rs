//! Shops, their events, and a driver that counts them in batches as the consumer does.

#![allow(dead_code, reason = "each test program uses a part of it")]

use analytics::{
    AnalyticsKeys, AnalyticsRows, Observed, Windows,
    decide::decide,
    touches::{touches, touches_after},
};
use runtime::{Decision, Refusal, rows::Rows};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        CancellationRequested, Channel, DeliveryTier, Line, PaymentAuthorised, PaymentCaptured,
        PaymentDeclined, PaymentRefunded, PurchaseCancelled, ReservedLine, ShipmentHandedOver,
        StockReceived, StockRejected, StockReserved, Tender, TenderKind,
    },
    ids,
};

/// An hour that begins when a window does.
pub(crate) const HOUR: i64 = 3_600_000_000;
/// When the first window of the tests begins.
pub(crate) const START: i64 = 472_222 * HOUR;

/// What a test says of a purchase.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) purchase_id: String,
    pub(crate) customer: u8,
    pub(crate) at: i64,
    pub(crate) currency: &'static str,
    /// Item, quantity, unit price.
    pub(crate) lines: Vec<(i64, i32, i64)>,
}

pub(crate) fn purchase(bought: &Bought) -> Purchase {
    let lines: Vec<Line> = (bought.lines.iter().zip(1..))
        .map(|((item_id, quantity, unit_price_minor), line_no)| Line {
            line_no,
            item_id: *item_id,
            quantity: *quantity,
            unit_price_minor: *unit_price_minor,
            tax_minor: 7,
            gift_wrap: false,
        })
        .collect();
    let mut purchase = Purchase {
        event_id: ids::derived(&bought.purchase_id, "purchase"),
        purchase_id: bought.purchase_id.clone(),
        customer_id: format!("customer-{}", bought.customer),
        occurred_at: bought.at,
        currency: bought.currency.to_owned(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::Standard,
        lines,
        shipping_minor: 500,
        tenders: vec![],
        instructions: None,
        written_version: 3,
    };
    purchase.tenders.push(Tender {
        kind: TenderKind::Card,
        amount_minor: purchase.total_minor(),
        reference: None,
    });
    purchase
}

macro_rules! fact {
    ($bought:expr, $name:ident, $step:literal, $after:expr, { $($field:ident : $value:expr),* }) => {
        Event::Fact(Fact::$name($name {
            event_id: ids::derived(&$bought.purchase_id, $step),
            purchase_id: $bought.purchase_id.clone(),
            occurred_at: $bought.at + $after,
            causation_id: ids::derived(&$bought.purchase_id, "purchase"),
            $($field: $value),*
        }))
    };
}

/// How many [`facts`] there are of a purchase.
pub(crate) const FACTS: usize = 10;

/// What may be stated of a purchase, `pause` after one another.
pub(crate) fn facts(bought: &Bought, pause: i64) -> Vec<Event> {
    let total = purchase(bought).total_minor();
    let currency = || bought.currency.to_owned();
    let lines = || -> Vec<ReservedLine> { vec![] };
    let request = CancellationRequested {
        event_id: ids::derived(&bought.purchase_id, "cancel"),
        purchase_id: bought.purchase_id.clone(),
        occurred_at: bought.at + pause,
        causation_id: None,
        reason: "customer".to_owned(),
    };
    vec![
        Event::CancellationRequested(request),
        fact!(bought, PaymentAuthorised, "authorised", pause,
            { amount_minor: total, currency: currency(), provider_ref: "pi".into() }),
        fact!(bought, PaymentDeclined, "declined", pause, { reason: "no".into() }),
        fact!(bought, StockReserved, "reserved", pause, { lines: lines(), expires_at: None }),
        fact!(bought, StockRejected, "rejected", 2 * pause, { lines: lines() }),
        fact!(bought, ShipmentHandedOver, "handed", 3 * pause,
            { shipment_id: "s".into(), carrier: "c".into(), tracking: "t".into() }),
        fact!(bought, PaymentCaptured, "captured", 4 * pause,
            { amount_minor: total, currency: currency(), provider_ref: "pi".into() }),
        fact!(bought, PurchaseCancelled, "cancelled", 5 * pause, { reason: "customer".into() }),
        fact!(bought, PaymentRefunded, "refunded.1", 6 * pause,
            { amount_minor: total / 2, currency: currency(), provider_ref: "re".into(), reason: "c".into() }),
        fact!(bought, PaymentRefunded, "refunded.2", 7 * pause,
            { amount_minor: total - total / 2, currency: currency(), provider_ref: "re".into(), reason: "c".into() }),
    ]
}

pub(crate) fn received(event_id: &str, at: i64, quantity: i64) -> Event {
    Event::Fact(Fact::StockReceived(StockReceived {
        event_id: event_id.to_owned(),
        sku: "1".to_owned(),
        occurred_at: at,
        causation_id: None,
        quantity,
    }))
}

pub(crate) fn observed(event: Event, shard: i32) -> Observed {
    Observed {
        recorded_at: event.occurred_at() + 1_000,
        event,
        shard,
    }
}

/// The group's rows, counted into batch by batch.
#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) windows: Windows,
    rows: AnalyticsRows,
}

impl Counting {
    /// One batch: rows are loaded in two steps for the whole of it, and refused events taken back.
    pub(crate) fn batch(&mut self, batch: &[Observed]) -> Vec<Result<Decision, Refusal>> {
        let mut keys = AnalyticsKeys::default();
        for record in batch {
            touches(&self.windows, record, &mut keys);
        }
        self.rows.swap_in(Some(&keys));
        for record in batch {
            touches_after(&self.windows, &self.rows, record, &mut keys);
        }
        self.rows.swap_in(Some(&keys));
        let mut decisions = vec![];
        for record in batch {
            self.rows.mark();
            let decision = decide(&self.windows, &mut self.rows, record);
            if decision.is_err() {
                self.rows.undo();
            }
            decisions.push(decision);
        }
        decisions
    }

    /// All rows.
    pub(crate) fn rows(&mut self) -> &AnalyticsRows {
        self.rows.swap_in(None);
        &self.rows
    }
}
