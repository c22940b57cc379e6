//! What is true of every run that is over, whatever its order: each purchase has come to one end, and
//! money, goods, timeline, windows, journals, topics and dead letters agree about it.

use std::collections::{BTreeMap, BTreeSet};

use runtime::Record;

use crate::{
    groups, told,
    world::{FILLED, World},
};

/// Checks a run that is over: how many purchases came to which end.
pub(crate) fn check(world: &World) -> Result<BTreeMap<String, u64>, String> {
    let ends = purchases(world)?;
    shelves(world)?;
    ledger(world)?;
    windows(world)?;
    told::dead_letters(world)?;
    for group in 0..5 {
        told::published(world, group)?;
    }
    Ok(ends)
}

pub(crate) fn rows<R: runtime::rows::Row>(world: &World, group: usize) -> Result<Vec<R>, String> {
    (world.stores[group].rows()).map_err(|error| error.to_string())
}

fn purchases(world: &World) -> Result<BTreeMap<String, u64>, String> {
    let bought = world.plan.bought();
    let seen = world.around.watch.seen();
    let [payments, reservations, dispatches, shown, _] = &seen.states;
    let mut ends = BTreeMap::new();
    for (group, states) in seen.states.iter().enumerate().take(4) {
        let name = groups::NAMES[group];
        let known: BTreeSet<&String> = states.keys().collect();
        for id in &bought {
            holds!(known.contains(id), "I2: {name} does not know {id}");
        }
    }
    for id in &bought {
        let end = [
            &dispatches[id],
            &payments[id],
            &reservations[id],
            &shown[id],
        ];
        let end = end.map(String::as_str);
        holds!(
            is_an_end(end),
            "I2: {id} ended as {end:?}: dispatch, payment, inventory, timeline"
        );
        money(world, id, end[1])?;
        *ends.entry(end[3].to_owned()).or_default() += 1;
    }
    Ok(ends)
}

/// The ends that a purchase may come to: dispatch, payment, inventory, and what the customer is shown.
fn is_an_end(end: [&str; 4]) -> bool {
    match end {
        ["handed_over", "captured", "committed", "completed"]
        | ["returned", "refunded", "committed", "refunded"] => true,
        ["cancelled", payment, stock, "cancelled"] => {
            matches!(payment, "voided" | "declined")
                && matches!(stock, "released" | "rejected" | "expired")
        }
        _ => false,
    }
}

/// What the provider did is what payment says (I2).
fn money(world: &World, id: &str, payment: &str) -> Result<(), String> {
    let outside = &world.outside;
    let is_charged = outside.captured.contains_key(id);
    let is_refunded = outside.refunded.contains_key(id);
    let is_paid = matches!(payment, "captured" | "refunded");
    holds!(
        !outside.held.contains_key(id),
        "I2: {id} is {payment} and money is still held"
    );
    holds!(
        !is_charged || is_paid,
        "I2: {id} is {payment} and was charged"
    );
    holds!(
        (is_charged && payment == "refunded") == is_refunded,
        "I2: {id} is {payment}, given back: {is_refunded}"
    );
    holds!(
        is_paid == outside.handed_over.contains(id),
        "I5: {id} is {payment}: what left was paid for, and nothing else was"
    );
    Ok(())
}

/// What is on the shelves is what was not handed over; nothing is reserved any more (I4).
fn shelves(world: &World) -> Result<(), String> {
    let reservations: Vec<inventory::Reservation> = rows(world, groups::INVENTORY)?;
    let lines: Vec<inventory::ReservationLine> = rows(world, groups::INVENTORY)?;
    let committed: BTreeSet<&String> = (reservations.iter())
        .filter(|row| row.state == "committed")
        .map(|row| &row.purchase_id)
        .collect();
    let mut sold: BTreeMap<&str, i64> = BTreeMap::new();
    for line in lines
        .iter()
        .filter(|line| committed.contains(&line.purchase_id))
    {
        *sold.entry(&line.sku).or_default() += i64::from(line.quantity);
    }
    for shelf in rows::<inventory::Stock>(world, groups::INVENTORY)? {
        let left = FILLED - sold.get(shelf.sku.as_str()).copied().unwrap_or(0);
        holds!(
            (shelf.on_hand, shelf.reserved) == (left, 0),
            "I4: {shelf:?}, and {left} should be left"
        );
    }
    Ok(())
}

/// What the ledger says was taken by card is what the provider took (I2).
fn ledger(world: &World) -> Result<(), String> {
    let charged: i64 = world.outside.captured.values().sum();
    let payments: Vec<payment::Payment> = rows(world, groups::PAYMENT)?;
    let cards: i64 = (payments.iter())
        .filter(|row| matches!(row.state.as_str(), "captured" | "refunded"))
        .map(|row| row.card_minor)
        .sum();
    holds!(
        charged == cards,
        "I2: charged {charged}, sold by card {cards}"
    );
    Ok(())
}

/// Analytics counted what is in the topics, each once (I6): computed anew, by the group's rules, from
/// the records in another order.
fn windows(world: &World) -> Result<(), String> {
    let codec = std::sync::Arc::new(codec::Codec::without_registry());
    let group = analytics::Analytics::new(codec, analytics::Windows::default());
    let mut anew = runtime::in_memory::InMemory::new(group);
    for record in records(world, analytics::TOPICS.into_iter()) {
        if let Ok(event) = runtime::Group::decode(anew.group(), &record) {
            // What is refused is refused in either order.
            drop(anew.apply(&event, world.now));
        }
    }
    let late_is_of_its_time = |mut row: analytics::rows::WindowRow| {
        row.late = 0;
        row
    };
    let counted: Vec<analytics::rows::WindowRow> = rows(world, groups::ANALYTICS)?;
    let counted: Vec<_> = counted.into_iter().map(late_is_of_its_time).collect();
    let expected: Vec<_> = anew
        .rows()
        .windows
        .iter()
        .cloned()
        .map(late_is_of_its_time)
        .collect();
    holds!(
        counted == expected,
        "I6: windows\n{counted:?}\nand anew\n{expected:?}"
    );
    let revenue: Vec<analytics::rows::RevenueRow> = rows(world, groups::ANALYTICS)?;
    let expected: Vec<_> = anew.rows().revenue.iter().cloned().collect();
    holds!(
        revenue == expected,
        "I6: revenue\n{revenue:?}\nand anew\n{expected:?}"
    );
    Ok(())
}

fn records<'a>(world: &World, topics: impl Iterator<Item = &'a str>) -> Vec<Record> {
    let (all, shards) = (&world.around.topics, world.plan.shape.shards);
    let of_topic = |topic: &str| {
        let of_shard = |shard| all.read(topic, shard, 0, usize::MAX);
        (0..shards).flat_map(of_shard).collect::<Vec<_>>()
    };
    let records = topics.flat_map(of_topic);
    records.map(|record| record.as_ref().clone()).collect()
}
