//! Purchases whose first record was set aside while a later one took effect, and what a redrive
//! makes of them: clean before it and after it, and what is altered beside it is named.

use auditor::{Group, Promise, Report};
use dispatch::{CarrierConfig, CarrierWorker};
use runtime::Worker;
use sandbox::Faults;
use schemas::{Encoder, Purchase, domain::TenderKind};
use simulator::{Plan, action::Deed, shop::Shop};

use crate::{
    members::provider,
    names,
    registry::{by_id, codec},
    world::{World, now},
};

/// Sent again with the same content; with another price; not sent again.
const NAMES: [&str; 3] = ["sent-again", "contradicted", "alone"];
const MINUTE: i64 = 60_000_000;

fn carrier(address: &str) -> impl Worker + use<> {
    CarrierWorker::new(&CarrierConfig::new(address)).unwrap()
}

/// What is bought under each name, some minutes apart.
fn purchases() -> Vec<Purchase> {
    let plan = Plan::quiet(11, now() - 300 * MINUTE);
    let bought = Shop::new(&plan).filter_map(|action| match action.deed {
        Deed::Buy { purchase, .. } => Some(*purchase),
        _ => None,
    });
    let by_card = bought.filter(|purchase: &Purchase| {
        (purchase.tenders.iter()).all(|tender| tender.kind == TenderKind::Card)
    });
    let named = NAMES.iter().zip(by_card).map(|(name, purchase)| Purchase {
        purchase_id: (*name).to_owned(),
        event_id: schemas::ids::derived(name, "test.purchased"),
        occurred_at: now() - 200 * MINUTE,
        ..purchase
    });
    named.collect()
}

/// The same purchase, stated once more by another event two hours later.
fn again(purchase: &Purchase) -> Purchase {
    Purchase {
        event_id: schemas::ids::derived(&purchase.purchase_id, "test.again"),
        occurred_at: purchase.occurred_at + 120 * MINUTE,
        ..purchase.clone()
    }
}

/// The same with another price.
fn dearer(purchase: &Purchase) -> Purchase {
    let mut dearer = again(purchase);
    dearer.lines[0].unit_price_minor += 100;
    let more = 100 * i64::from(dearer.lines[0].quantity);
    dearer.tenders[0].amount_minor += more;
    dearer
}

async fn publish(world: &World) {
    let encode = |purchase: &Purchase| Encoder::new().encode_purchase(purchase, 3).unwrap();
    let purchases = purchases();
    for first in &purchases {
        let by_id = by_id(encode(first));
        world.publisher.publish(by_id).await.unwrap();
    }
    for later in [again(&purchases[0]), dearer(&purchases[1])] {
        world.publisher.publish(encode(&later)).await.unwrap();
    }
}

/// How many dead letters of records all groups have in a state, by reason.
fn letters(world: &World, state: &str, reason: &str) -> i64 {
    let count = |group: Group| -> i64 {
        let path = world.folder.path().join(format!("stores/{group}.db"));
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(path, flags).unwrap();
        let sql = "SELECT count(*) FROM dead_letters WHERE state = ?1 AND reason = ?2";
        let counted = database.query_row(sql, [state, reason], |row| row.get(0));
        counted.unwrap_or_default()
    };
    Group::ALL.into_iter().map(count).sum()
}

/// As `counterflow dead-letters redrive --all` does.
fn redrive(world: &World) {
    for group in Group::ALL {
        let path = world.folder.path().join(format!("stores/{group}.db"));
        let database = rusqlite::Connection::open(path).unwrap();
        let marked = database.execute("UPDATE dead_letters SET state = 'redrive'", []);
        assert_eq!(marked, Ok(NAMES.len()), "{group}");
    }
}

async fn live(world: &World) {
    let all = i64::try_from(NAMES.len() * Group::ALL.len()).unwrap();
    let faults = Faults::default;
    let forgetful = world.start_with(codec(false), faults(), provider, carrier);
    let running = forgetful.await;
    world.fill_shelves().await;
    publish(world).await;
    let is_set_aside = |_: &Report| letters(world, "set_aside", "unknown_schema") == all;
    world.until(is_set_aside).await;
    // An audit from before a dead letter says nothing of what came of it.
    world.until_clean().await;
    running.stop().await;

    redrive(world);
    let running = (world.start_with(codec(true), faults(), provider, carrier)).await;
    // What contradicts the record that took effect is set aside anew, but by the timeline, which
    // shows it.
    let contradicts = i64::try_from(Group::ALL.len()).unwrap() - 1;
    let is_redriven = |_: &Report| {
        letters(world, "redriven", "unknown_schema") == all - contradicts
            && letters(world, "set_aside", "conflicting_duplicate") == contradicts
    };
    world.until(is_redriven).await;
    world.until_clean().await;
    running.stop().await;
}

#[test]
fn what_took_effect_before_a_redrive_is_no_alteration_and_an_alteration_is() {
    let world = World::empty();
    world.runtime.block_on(live(&world));
    let tampered = |group: &str, sql: &str| {
        let copy = world.copy();
        copy.change(group, sql);
        world.audit(&copy)
    };
    let dearer = "UPDATE payments SET amount_minor = amount_minor + 1 WHERE purchase_id = ";
    for name in NAMES {
        let report = tampered("payment", &format!("{dearer}'{name}'"));
        names(
            &report,
            Promise::Money,
            name,
            "in payments, the purchase says",
        );
    }
    let moved = "UPDATE dispatches SET purchased_at = purchased_at + 1 WHERE purchase_id = ";
    for name in ["sent-again", "alone"] {
        let report = tampered("dispatch", &format!("{moved}'{name}'"));
        names(&report, Promise::Dispatch, name, "purchased_at");
    }
    let lost = "DELETE FROM counted_purchases WHERE purchase_id = 'sent-again'";
    let report = tampered("analytics", lost);
    names(
        &report,
        Promise::AcceptedIsKept,
        "sent-again",
        "lost: analytics",
    );
}
