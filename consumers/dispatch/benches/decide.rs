//! How fast dispatch decides, without a database: a batch of purchases from bought to handed over.

use std::sync::Arc;

use codec::Codec;
use dispatch::{Deadlines, DispatchEvent, DispatchGroup, DispatchRows, event::Outcome};
use runtime::{Effects, Group};
use schemas::{
    Event, Fact, Purchase,
    domain::{Channel, DeliveryTier, Line, PaymentAuthorised, StockReserved, Tender, TenderKind},
    ids,
};

const PURCHASES: usize = 1000;
const NOW: i64 = 1_700_000_000_000_000;

fn main() {
    divan::main();
}

fn purchase(purchase_id: &str) -> Purchase {
    Purchase {
        event_id: format!("event-{purchase_id}"),
        purchase_id: purchase_id.into(),
        customer_id: "customer".into(),
        occurred_at: NOW,
        currency: "EUR".into(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
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

fn story(number: usize) -> [DispatchEvent; 5] {
    let purchase_id = format!("purchase-{number}");
    let fact = |fact: Fact| DispatchEvent::Event(Event::Fact(fact));
    let reserved = |step: &str, expires_at| StockReserved {
        event_id: format!("{step}-{number}"),
        purchase_id: purchase_id.clone(),
        occurred_at: NOW,
        causation_id: "cause".into(),
        lines: vec![],
        expires_at,
    };
    let authorised = PaymentAuthorised {
        event_id: format!("authorised-{number}"),
        purchase_id: purchase_id.clone(),
        occurred_at: NOW,
        causation_id: "cause".into(),
        amount_minor: 1000,
        currency: "EUR".into(),
        provider_ref: "pi".into(),
    };
    [
        DispatchEvent::Event(Event::Purchase(purchase(&purchase_id))),
        fact(reserved("reserved", Some(NOW)).into()),
        fact(authorised.into()),
        fact(reserved("firm", None).into()),
        DispatchEvent::Answer {
            purchase_id: purchase_id.clone(),
            outcome: Outcome::HandedOver {
                shipment_id: ids::derived(&purchase_id, "dispatch.shipment"),
                carrier: "carrier".into(),
                tracking: "1".into(),
            },
        },
    ]
}

#[divan::bench(sample_count = 50)]
fn bought_to_handed_over(bencher: divan::Bencher<'_, '_>) {
    let codec = Arc::new(Codec::without_registry());
    let group = DispatchGroup::new(codec, Deadlines::default());
    let events: Vec<DispatchEvent> = (0..PURCHASES).flat_map(story).collect();
    bencher
        .counter(divan::counter::ItemsCount::new(events.len()))
        .with_inputs(|| {
            let mut rows = DispatchRows::default();
            for number in 0..PURCHASES {
                (rows.dispatches).preload(format!("purchase-{number}"), []);
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
