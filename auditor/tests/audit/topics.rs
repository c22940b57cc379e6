//! What is published behind the groups' backs, and that it is named. Topics only grow, so this
//! world is another one than that of the other tests.

use auditor::Promise;
use schemas::{
    Encoder, Event, Fact,
    domain::{PaymentCaptured, ReservedLine, ShipmentHandedOver, StockReserved},
};

use crate::{
    copy::Copy,
    names,
    world::{World, now},
};

fn publish(world: &World, fact: impl Into<Fact>) {
    let encoded = Encoder::new()
        .encode_event(&Event::Fact(fact.into()))
        .unwrap();
    world
        .runtime
        .block_on(world.publisher.publish(encoded))
        .unwrap();
}

fn second_shipment(purchase_id: &str) -> ShipmentHandedOver {
    ShipmentHandedOver {
        event_id: "second-shipment".to_owned(),
        purchase_id: purchase_id.to_owned(),
        occurred_at: now(),
        causation_id: "nothing".to_owned(),
        shipment_id: "another".to_owned(),
        carrier: "carrier".to_owned(),
        tracking: "tracking".to_owned(),
    }
}

fn second_reservation(purchase_id: &str) -> StockReserved {
    StockReserved {
        event_id: "second-reservation".to_owned(),
        purchase_id: purchase_id.to_owned(),
        occurred_at: now(),
        causation_id: "nothing".to_owned(),
        lines: vec![ReservedLine {
            line_no: 1,
            sku: "2341000".to_owned(),
            quantity: 1,
        }],
        expires_at: None,
    }
}

pub(crate) fn forged_capture(purchase_id: &str) -> PaymentCaptured {
    PaymentCaptured {
        event_id: "forged".to_owned(),
        purchase_id: purchase_id.to_owned(),
        occurred_at: now(),
        causation_id: "nothing".to_owned(),
        amount_minor: 100,
        currency: "USD".to_owned(),
        provider_ref: "pi_forged".to_owned(),
    }
}

#[test]
fn invented_and_doubled_facts_are_named() {
    let world = World::build(60);
    let copy = world.copy();
    let purchase_id = copy.captured();
    publish(&world, second_shipment(&purchase_id));
    publish(&world, second_reservation(&purchase_id));
    let report = world.audit(&copy);
    names(
        &report,
        Promise::Once,
        &purchase_id,
        "doubled: 2 different ShipmentHandedOver",
    );
    names(&report, Promise::Once, &purchase_id, "doubled: 2 shipments");
    names(
        &report,
        Promise::Once,
        &purchase_id,
        "doubled: 2 different StockReserved (firm)",
    );
    names(
        &report,
        Promise::Finished,
        "payment shop.shipments.v1[",
        "1 records unread",
    );
    names(
        &report,
        Promise::NothingInvented,
        &purchase_id,
        "not in the journal of dispatch",
    );
    names(
        &report,
        Promise::NothingInvented,
        &purchase_id,
        "has a cause that nowhere stands",
    );
    names(
        &report,
        Promise::Finished,
        &purchase_id,
        "has not read shop.",
    );

    invented_and_altered(&world, &copy);
}

/// Facts of what nobody bought, the second with the id of the first.
fn invented_and_altered(world: &World, copy: &Copy) {
    let captured = forged_capture("never-bought");
    publish(world, captured.clone());
    let report = world.audit(copy);
    names(
        &report,
        Promise::NothingInvented,
        "never-bought",
        "of what nobody bought",
    );
    names(
        &report,
        Promise::Dispatch,
        "never-bought",
        "captured, and never handed over",
    );

    publish(
        world,
        PaymentCaptured {
            amount_minor: 200,
            ..captured
        },
    );
    let report = world.audit(copy);
    names(
        &report,
        Promise::Once,
        "never-bought",
        "one event id, two contents",
    );
}
