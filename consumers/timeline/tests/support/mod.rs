//! The life of a purchase as its topics tell it, for tests and benchmarks of the pure core.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::Arc;

use runtime::{Coordinates, Decision, rows::Rows};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        CancellationRequested, Channel, DeliveryTier, DispatchAtRisk, Line, PaymentAuthorised,
        PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided, PurchaseCancelled,
        ReservationExpired, ReservedLine, ShipmentHandedOver, ShipmentRequested, StockCommitted,
        StockRejected, StockReleased, StockReserved, Tender, TenderKind,
    },
    ids,
};
use timeline::{Observed, TOPICS, TimelineRows, decide::decide};

/// When purchases of tests are made.
pub(crate) const MADE_AT: i64 = 1_700_000_000_000_000;
/// When everything is read.
pub(crate) const READ_AT: i64 = MADE_AT + 60_000_000;

pub(crate) fn purchase(purchase_id: &str) -> Purchase {
    Purchase {
        event_id: ids::derived(purchase_id, "purchase"),
        purchase_id: purchase_id.to_owned(),
        customer_id: "customer-of-no-ones-business".to_owned(),
        occurred_at: MADE_AT,
        currency: "EUR".to_owned(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        lines: vec![Line {
            line_no: 1,
            item_id: 2_341_083,
            quantity: 2,
            unit_price_minor: 32_349,
            tax_minor: 100,
            gift_wrap: true,
        }],
        shipping_minor: 499,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor: 65_297,
            reference: Some("pm_of_no_ones_business".to_owned()),
        }],
        instructions: Some("a ribbon on my package".to_owned()),
        written_version: 3,
    }
}

pub(crate) fn contradicting(purchase_id: &str) -> Purchase {
    Purchase {
        shipping_minor: 999,
        ..purchase(purchase_id)
    }
}

pub(crate) fn request(purchase_id: &str, key: &str, after: i64) -> Event {
    Event::CancellationRequested(CancellationRequested {
        event_id: ids::derived(purchase_id, &format!("cancel.{key}")),
        purchase_id: purchase_id.to_owned(),
        occurred_at: MADE_AT + after,
        causation_id: Some(ids::derived(purchase_id, "purchase")),
        reason: "customer".to_owned(),
    })
}

macro_rules! fact {
    ($purchase:expr, $name:ident, $step:literal, caused by $cause:literal, after $after:expr, { $($field:ident : $value:expr),* }) => {
        Event::Fact(Fact::$name($name {
            event_id: ids::derived($purchase, $step),
            purchase_id: $purchase.to_owned(),
            occurred_at: MADE_AT + $after,
            causation_id: ids::derived($purchase, $cause),
            $($field: $value),*
        }))
    };
}

/// Every kind of fact once, `StockReserved` twice.
pub(crate) fn facts(id: &str) -> Vec<Event> {
    let lines = vec![ReservedLine {
        line_no: 1,
        sku: "2341083".to_owned(),
        quantity: 2,
    }];
    let (amount_minor, currency) = (65_297, String::from("EUR"));
    let word = String::from("customer");
    vec![
        fact!(id, PaymentAuthorised, "payment.authorised", caused by "purchase", after 300_000,
            { amount_minor: amount_minor, currency: currency.clone(), provider_ref: "pi_1".into() }),
        fact!(id, StockReserved, "inventory.reserved", caused by "purchase", after 200_000,
            { lines: lines.clone(), expires_at: Some(MADE_AT + 900_000_000) }),
        fact!(id, ShipmentRequested, "dispatch.requested", caused by "payment.authorised", after 400_000,
            { shipment_id: "s".into(), ship_by: MADE_AT + 1, deliver_by: MADE_AT + 2 }),
        fact!(id, StockReserved, "inventory.firm", caused by "dispatch.requested", after 500_000,
            { lines: lines.clone(), expires_at: None }),
        fact!(id, ShipmentHandedOver, "dispatch.handed_over", caused by "inventory.firm", after 600_000,
            { shipment_id: "s".into(), carrier: "carrier".into(), tracking: "T-1".into() }),
        fact!(id, StockCommitted, "inventory.committed", caused by "dispatch.handed_over", after 700_000,
            { shipment_id: "s".into() }),
        fact!(id, PaymentCaptured, "payment.captured", caused by "dispatch.handed_over", after 800_000,
            { amount_minor: amount_minor, currency: currency.clone(), provider_ref: "pi_1".into() }),
        fact!(id, PaymentDeclined, "payment.declined", caused by "purchase", after 310_000,
            { reason: "insufficient_funds".into() }),
        fact!(id, PaymentVoided, "payment.voided", caused by "dispatch.cancelled", after 910_000,
            { reason: word.clone() }),
        fact!(id, StockRejected, "inventory.rejected", caused by "purchase", after 210_000,
            { lines: lines }),
        fact!(id, StockReleased, "inventory.released", caused by "payment.voided", after 920_000,
            { reason: word.clone() }),
        fact!(id, ReservationExpired, "inventory.expired", caused by "inventory.reserved", after 905_000, {}),
        fact!(id, DispatchAtRisk, "dispatch.at_risk", caused by "purchase", after 450_000,
            { ship_by: MADE_AT + 1, waiting_for: "carrier".into() }),
        fact!(id, PurchaseCancelled, "dispatch.cancelled", caused by "cancel.a", after 900_000,
            { reason: word.clone() }),
        fact!(id, PaymentRefunded, "payment.refunded", caused by "dispatch.cancelled", after 930_000,
            { amount_minor: amount_minor, currency: currency, provider_ref: "re_1".into(), reason: word }),
    ]
}

/// The first seven facts: the way of a purchase on which nothing goes wrong.
pub(crate) fn smooth(id: &str) -> Vec<Event> {
    facts(id).into_iter().take(7).collect()
}

/// The place of an event's topic in [`TOPICS`].
pub(crate) fn topic_of(event: &Event) -> usize {
    let name = match event {
        Event::Purchase(_) | Event::CancellationRequested(_) => schemas::topics::PURCHASES,
        Event::Fact(fact) => fact.topic(),
    };
    TOPICS
        .iter()
        .position(|topic| *topic == name)
        .expect("a topic, a purchase")
}

pub(crate) fn observed(event: Event, offset: i64) -> Observed {
    Observed {
        purchase_id: event.purchase_id().expect("a topic, a purchase").to_owned(),
        at: Coordinates {
            topic: Arc::from(TOPICS[topic_of(&event)]),
            partition: 3,
            offset,
        },
        recorded_at: event.occurred_at() + 1_000,
        schema_version: 1,
        traceparent: None,
        event,
    }
}

/// Rows that know a purchase id and nothing of it.
pub(crate) fn rows(purchase_id: &str) -> TimelineRows {
    let mut rows = TimelineRows::default();
    rows.purchases.preload(purchase_id.to_owned(), []);
    rows
}

pub(crate) fn apply(rows: &mut TimelineRows, observed: &Observed) -> Decision {
    rows.mark();
    decide(rows, observed, READ_AT)
}
