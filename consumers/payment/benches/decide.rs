//! How fast payment decides, without a database: a batch of purchases from bought to captured.

use std::sync::Arc;

use codec::Codec;
use payment::{
    PaymentEvent, PaymentGroup, PaymentRows,
    event::{Call, Outcome, Said},
};
use runtime::{Effects, Group};
use schemas::{
    Event, Fact, Purchase,
    domain::{Channel, DeliveryTier, Line, ShipmentHandedOver, Tender, TenderKind},
};

const PURCHASES: usize = 1000;
const NOW: i64 = 1_700_000_000_000_000;

fn main() {
    divan::main();
}

fn purchase(number: usize) -> Purchase {
    Purchase {
        event_id: format!("event-{number}"),
        purchase_id: format!("purchase-{number}"),
        customer_id: "customer".into(),
        occurred_at: NOW,
        currency: "EUR".into(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::Standard,
        lines: vec![Line {
            line_no: 1,
            item_id: 7,
            quantity: 1,
            unit_price_minor: 1000,
            tax_minor: 0,
            gift_wrap: false,
        }],
        shipping_minor: 0,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor: 1000,
            reference: Some("pm_card_visa".into()),
        }],
        instructions: None,
        written_version: 3,
    }
}

fn story(number: usize) -> [PaymentEvent; 4] {
    let purchase = purchase(number);
    let purchase_id = purchase.purchase_id.clone();
    let answer = |call| PaymentEvent::Answer {
        purchase_id: purchase_id.clone(),
        call,
        outcome: Outcome::Done(Said {
            intent: format!("pi_{number}"),
            refund: None,
            amount_minor: 1000,
            currency: "eur".into(),
            purchase_id: Some(purchase_id.clone()),
        }),
    };
    let handed_over = ShipmentHandedOver {
        event_id: format!("handed-over-{number}"),
        purchase_id: purchase_id.clone(),
        occurred_at: NOW,
        causation_id: "cause".into(),
        shipment_id: "shipment".into(),
        carrier: "carrier".into(),
        tracking: "1".into(),
    };
    [
        PaymentEvent::Event(Event::Purchase(purchase)),
        answer(Call::Authorise),
        PaymentEvent::Event(Event::Fact(handed_over.into())),
        answer(Call::Capture),
    ]
}

#[divan::bench(sample_count = 50)]
fn bought_to_captured(bencher: divan::Bencher<'_, '_>) {
    let group = PaymentGroup::new(Arc::new(Codec::without_registry()), "pm_card_visa");
    let events: Vec<PaymentEvent> = (0..PURCHASES).flat_map(story).collect();
    bencher
        .counter(divan::counter::ItemsCount::new(events.len()))
        .with_inputs(|| {
            let mut rows = PaymentRows::default();
            for number in 0..PURCHASES {
                (rows.payments).preload(format!("purchase-{number}"), []);
            }
            rows
        })
        .bench_local_values(|mut rows| {
            let mut effects = Effects::<Fact>::default();
            for event in &events {
                let decided = group.decide(&mut rows, event, NOW, &mut effects);
                assert!(decided.is_ok());
            }
            (rows, effects)
        });
}
