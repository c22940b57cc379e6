//! Purchases and what was stated about them, as records: some are shipped and paid for, others
//! declined, out of stock, cancelled or lapsed; all topics mixed as no group could count on.

use std::sync::Arc;

use runtime::{Coordinates, Record};
use schemas::{
    Event, Purchase,
    domain::{
        CancellationRequested, Channel, DeliveryTier, Fact, Line, PaymentAuthorised,
        PaymentCaptured, PaymentDeclined, PurchaseCancelled, ReservedLine, ShipmentHandedOver,
        ShipmentRequested, StockAdjusted, StockReceived, StockRejected, StockReserved, Tender,
        TenderKind,
    },
    ids,
};
use sha2::{Digest as _, Sha256};

use super::codec;

pub(crate) const MADE_AT: i64 = 1_700_000_000_000_000;
const PURCHASES: i64 = 60;
const ITEMS: i64 = 5;
/// Not enough of each item for everybody who wants it.
const RECEIVED: i64 = 20;

/// All records on the topics, purchases in the order in which they were made and everything else
/// anywhere between them.
pub(crate) fn records(topics: &[&str]) -> Vec<Record> {
    let codec = codec();
    let mut all: Vec<([u8; 32], Event)> = (events().into_iter())
        .map(|event| (Sha256::digest(event.event_id()).into(), event))
        .collect();
    all.sort_by_key(|(place, _)| *place);
    let mut offset = 0;
    let records = all.into_iter().map(|(_, event)| {
        let sent = codec::outgoing(codec.encoder().encode_event(&event).unwrap());
        offset += 1;
        Record {
            at: Coordinates {
                topic: Arc::from(sent.topic),
                partition: 3,
                offset,
            },
            key: Some(sent.key),
            payload: sent.payload,
            headers: sent.headers,
            timestamp_micros: MADE_AT + offset,
        }
    });
    records
        .filter(|record| topics.contains(&&*record.at.topic))
        .collect()
}

fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for item_id in 1..=ITEMS {
        events.push(Event::Fact(Fact::StockReceived(StockReceived {
            event_id: ids::derived(&item_id.to_string(), "receipt"),
            sku: item_id.to_string(),
            occurred_at: MADE_AT,
            causation_id: None,
            quantity: RECEIVED,
        })));
        events.push(Event::Fact(Fact::StockAdjusted(StockAdjusted {
            event_id: ids::derived(&item_id.to_string(), "count"),
            sku: item_id.to_string(),
            occurred_at: MADE_AT + 1,
            causation_id: None,
            quantity_change: 1,
            reason: "count".to_owned(),
        })));
    }
    for number in 0..PURCHASES {
        let purchase = purchase(number);
        events.extend(follow(number, &purchase));
        events.push(Event::Purchase(purchase));
    }
    events
}

fn stated(fact: impl Into<Fact>) -> Event {
    Event::Fact(fact.into())
}

fn purchase(number: i64) -> Purchase {
    let purchase_id = ids::purchase_id("story", &number.to_string());
    let line = |line_no: i32| Line {
        line_no,
        item_id: 1 + (number + i64::from(line_no)) % ITEMS,
        quantity: 1,
        unit_price_minor: 1_000,
        tax_minor: 0,
        gift_wrap: false,
    };
    Purchase {
        event_id: ids::derived(&purchase_id, "purchase"),
        purchase_id,
        customer_id: format!("customer-{}", number % 7),
        occurred_at: MADE_AT + number * 1_000_000,
        currency: ["EUR", "USD"][usize::from(number % 2 == 1)].to_owned(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        lines: vec![line(1), line(2)],
        shipping_minor: 500,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor: 2_500,
            reference: Some("pm_card_visa".to_owned()),
        }],
        instructions: None,
        written_version: 3,
    }
}

/// What is stated about a purchase: one of five courses.
fn follow(number: i64, purchase: &Purchase) -> Vec<Event> {
    let told = Told { purchase };
    match number % 5 {
        0 | 1 => vec![
            told.reserved(Some(purchase.occurred_at + 900_000_000)),
            told.authorised(),
            told.shipment_requested(),
            told.reserved(None),
            told.handed_over(),
            told.captured(),
        ],
        2 => vec![
            stated(PaymentDeclined {
                event_id: told.id("payment.declined"),
                purchase_id: purchase.purchase_id.clone(),
                occurred_at: purchase.occurred_at + 3,
                causation_id: purchase.event_id.clone(),
                reason: "insufficient_funds".to_owned(),
            }),
            told.cancelled("declined"),
        ],
        3 => vec![
            Event::CancellationRequested(CancellationRequested {
                event_id: told.id("cancel"),
                purchase_id: purchase.purchase_id.clone(),
                occurred_at: purchase.occurred_at + 2,
                causation_id: Some(purchase.event_id.clone()),
                reason: "customer".to_owned(),
            }),
            told.authorised(),
            told.cancelled("customer"),
        ],
        _ => vec![stated(StockRejected {
            event_id: told.id("inventory.rejected"),
            purchase_id: purchase.purchase_id.clone(),
            occurred_at: purchase.occurred_at + 2,
            causation_id: purchase.event_id.clone(),
            lines: told.lines(),
        })],
    }
}

struct Told<'a> {
    purchase: &'a Purchase,
}

impl Told<'_> {
    fn id(&self, step: &str) -> String {
        ids::derived(&self.purchase.purchase_id, step)
    }

    fn shipment_id(&self) -> String {
        self.id("dispatch.shipment")
    }

    fn lines(&self) -> Vec<ReservedLine> {
        let line = |line: &Line| ReservedLine {
            line_no: line.line_no,
            sku: line.item_id.to_string(),
            quantity: line.quantity,
        };
        self.purchase.lines.iter().map(line).collect()
    }

    fn reserved(&self, expires_at: Option<i64>) -> Event {
        let step = match expires_at {
            Some(_) => "inventory.reserved",
            None => "inventory.firm",
        };
        stated(StockReserved {
            event_id: self.id(step),
            purchase_id: self.purchase.purchase_id.clone(),
            occurred_at: self.purchase.occurred_at + 2,
            causation_id: self.purchase.event_id.clone(),
            lines: self.lines(),
            expires_at,
        })
    }

    fn authorised(&self) -> Event {
        stated(PaymentAuthorised {
            event_id: self.id("payment.authorised"),
            purchase_id: self.purchase.purchase_id.clone(),
            occurred_at: self.purchase.occurred_at + 3,
            causation_id: self.purchase.event_id.clone(),
            amount_minor: 2_500,
            currency: self.purchase.currency.clone(),
            provider_ref: format!("pi_{}", self.purchase.purchase_id),
        })
    }

    fn shipment_requested(&self) -> Event {
        stated(ShipmentRequested {
            event_id: self.id("dispatch.requested"),
            purchase_id: self.purchase.purchase_id.clone(),
            occurred_at: self.purchase.occurred_at + 4,
            causation_id: self.id("payment.authorised"),
            shipment_id: self.shipment_id(),
            ship_by: self.purchase.occurred_at + 1_000,
            deliver_by: self.purchase.occurred_at + 2_000,
        })
    }

    fn handed_over(&self) -> Event {
        stated(ShipmentHandedOver {
            event_id: self.id("dispatch.handed_over"),
            purchase_id: self.purchase.purchase_id.clone(),
            occurred_at: self.purchase.occurred_at + 5,
            causation_id: self.id("inventory.firm"),
            shipment_id: self.shipment_id(),
            carrier: "carrier".to_owned(),
            tracking: format!("T-{}", self.purchase.purchase_id),
        })
    }

    fn captured(&self) -> Event {
        stated(PaymentCaptured {
            event_id: self.id("payment.captured"),
            purchase_id: self.purchase.purchase_id.clone(),
            occurred_at: self.purchase.occurred_at + 6,
            causation_id: self.id("dispatch.handed_over"),
            amount_minor: 2_500,
            currency: self.purchase.currency.clone(),
            provider_ref: format!("pi_{}", self.purchase.purchase_id),
        })
    }

    fn cancelled(&self, reason: &str) -> Event {
        stated(PurchaseCancelled {
            event_id: self.id("dispatch.cancelled"),
            purchase_id: self.purchase.purchase_id.clone(),
            occurred_at: self.purchase.occurred_at + 7,
            causation_id: self.purchase.event_id.clone(),
            reason: reason.to_owned(),
        })
    }
}
