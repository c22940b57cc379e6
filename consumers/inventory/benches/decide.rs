//! What deciding costs, without database and broker: a purchase that is reserved, made firm and
//! committed, over one popular SKU and over many.

use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use inventory::{Deadlines, Input, InventoryGroup, InventoryKeys, InventoryRows};
use runtime::{Effects, Group, rows::Rows};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        Channel, DeliveryTier, Line, ShipmentHandedOver, ShipmentRequested, StockReceived, Tender,
        TenderKind,
    },
};

const PURCHASES: i64 = 1_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 10_000])]
fn reserve_firm_commit(bencher: Bencher<'_, '_>, skus: i64) {
    let group = InventoryGroup::new(
        Arc::new(codec::Codec::without_registry()),
        Deadlines::default(),
    );
    let inputs = inputs(skus);
    bencher
        .counter(ItemsCount::new(inputs.len()))
        .bench_local(|| {
            let mut rows = loaded(&group, &inputs);
            let mut effects = Effects::default();
            for input in &inputs {
                rows.mark();
                group
                    .decide(&mut rows, input, 1, &mut effects)
                    .expect("every input is applied");
            }
            (rows, effects)
        });
}

fn loaded(group: &InventoryGroup, inputs: &[Input]) -> InventoryRows {
    let (mut rows, mut keys) = (InventoryRows::default(), InventoryKeys::default());
    for input in inputs {
        group.touches(input, &mut keys);
    }
    rows.swap_in(Some(&keys));
    for input in inputs {
        group.touches_after(&rows, input, &mut keys);
    }
    rows.swap_in(Some(&keys));
    rows
}

fn inputs(skus: i64) -> Vec<Input> {
    let mut inputs = Vec::new();
    for sku in 1..=skus {
        inputs.push(fact(Fact::StockReceived(StockReceived {
            event_id: format!("receipt-{sku}"),
            sku: sku.to_string(),
            occurred_at: 1,
            causation_id: None,
            quantity: 1_000_000,
        })));
    }
    for number in 0..PURCHASES {
        let purchase_id = format!("purchase-{number}");
        inputs.push(Input::Event(Event::Purchase(purchase(
            &purchase_id,
            number % skus + 1,
        ))));
        inputs.push(fact(Fact::from(ShipmentRequested {
            event_id: format!("requested-{number}"),
            purchase_id: purchase_id.clone(),
            occurred_at: 1,
            causation_id: String::new(),
            shipment_id: format!("shipment-{number}"),
            ship_by: 2,
            deliver_by: 3,
        })));
        inputs.push(fact(Fact::from(ShipmentHandedOver {
            event_id: format!("handed-over-{number}"),
            purchase_id,
            occurred_at: 1,
            causation_id: String::new(),
            shipment_id: format!("shipment-{number}"),
            carrier: "carrier".to_owned(),
            tracking: "tracking".to_owned(),
        })));
    }
    inputs
}

fn fact(fact: Fact) -> Input {
    Input::Event(Event::Fact(fact))
}

fn purchase(purchase_id: &str, item_id: i64) -> Purchase {
    let line = |line_no| Line {
        line_no,
        item_id,
        quantity: 1,
        unit_price_minor: 100,
        tax_minor: 0,
        gift_wrap: false,
    };
    Purchase {
        event_id: format!("{purchase_id}-event"),
        purchase_id: purchase_id.to_owned(),
        customer_id: "customer".to_owned(),
        occurred_at: 1,
        currency: "USD".to_owned(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        lines: vec![line(1), line(2)],
        shipping_minor: 0,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor: 200,
            reference: None,
        }],
        instructions: None,
        written_version: 3,
    }
}
