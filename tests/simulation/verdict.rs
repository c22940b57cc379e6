//! What is true of every run, whatever its order.

use std::collections::{BTreeMap, BTreeSet};

use simulator::{
    action::{Deed, Kind},
    shop::Shop,
};

use crate::world::{FILLED, World};

/// How a purchase stands with one group.
type States = BTreeMap<String, String>;

/// Checks a run that is over: how many purchases came to which end.
pub(crate) fn check(world: &mut World) -> BTreeMap<String, u64> {
    let seed = world.seed;
    let Planned {
        bought,
        only_cancelled,
    } = planned(world);
    let payments: States = (world.payment.core.rows().payments.iter())
        .map(|row| (row.purchase_id.clone(), row.state.as_str().to_owned()))
        .collect();
    let dispatches: States = (world.dispatch.core.rows().dispatches.iter())
        .map(|row| (row.purchase_id.clone(), row.state.as_str().to_owned()))
        .collect();
    let reservations: States = (world.inventory.core.rows().reservations.iter())
        .map(|row| (row.purchase_id.clone(), row.state.clone()))
        .collect();
    let shown: States = (world.timeline.core.rows().purchases.iter())
        .map(|row| (row.purchase_id.clone(), row.status.as_str().to_owned()))
        .collect();
    for (group, states) in [
        ("payment", &payments),
        ("dispatch", &dispatches),
        ("inventory", &reservations),
        ("timeline", &shown),
    ] {
        let known: BTreeSet<String> = states.keys().cloned().collect();
        let known: BTreeSet<String> = known.difference(&only_cancelled).cloned().collect();
        assert_eq!(known, bought, "seed {seed}: purchases that {group} knows");
    }
    let mut ends = BTreeMap::new();
    for id in &bought {
        let end = [
            &dispatches[id],
            &payments[id],
            &reservations[id],
            &shown[id],
        ];
        assert_is_an_end(seed, id, end.map(String::as_str));
        assert_money_agrees(world, id, &payments[id]);
        *ends.entry(shown[id].clone()).or_default() += 1;
    }
    assert_shelves_agree(world);
    assert_the_ledger_agrees(world);
    assert_windows_agree(world, bought.len());
    assert_only_poison_was_set_aside(world);
    ends
}

/// What the shops did.
struct Planned {
    /// Every purchase, whatever became of it.
    bought: BTreeSet<String>,
    /// What was cancelled early and not bought before the shops closed.
    only_cancelled: BTreeSet<String>,
}

fn planned(world: &World) -> Planned {
    let (mut bought, mut cancelled) = (BTreeSet::new(), BTreeSet::new());
    for action in Shop::new(&world.plan) {
        match action.deed {
            Deed::Buy { purchase, .. } => bought.insert(purchase.purchase_id),
            Deed::Cancel { request, .. } => cancelled.insert(request.purchase_id),
            Deed::Poison(_) => continue,
        };
    }
    let only_cancelled = cancelled.difference(&bought).cloned().collect();
    Planned {
        bought,
        only_cancelled,
    }
}

/// The ends that a purchase may come to: dispatch, payment, inventory, and what the customer is shown.
fn assert_is_an_end(seed: u64, id: &str, end: [&str; 4]) {
    let is_an_end = match end {
        ["handed_over", "captured", "committed", "completed"]
        | ["returned", "refunded", "committed", "refunded"] => true,
        ["cancelled", payment, stock, "cancelled"] => {
            matches!(payment, "voided" | "declined")
                && matches!(stock, "released" | "rejected" | "expired")
        }
        _ => false,
    };
    assert!(
        is_an_end,
        "seed {seed}: {id} ended as {end:?}: dispatch, payment, inventory, timeline"
    );
}

/// What the provider did is what payment says.
fn assert_money_agrees(world: &World, id: &str, payment: &str) {
    let (seed, outside) = (world.seed, &world.outside);
    let is_by_card = outside.captured.contains_key(id);
    assert!(
        !outside.held.contains_key(id),
        "seed {seed}: {id} is {payment} and money is still held"
    );
    if is_by_card {
        assert!(
            matches!(payment, "captured" | "refunded"),
            "seed {seed}: {id} is {payment} and was charged"
        );
    }
    let is_refunded = outside.refunded.contains_key(id);
    assert_eq!(
        is_by_card && payment == "refunded",
        is_refunded,
        "seed {seed}: {id} is {payment}"
    );
    assert_eq!(
        matches!(payment, "captured" | "refunded"),
        outside.handed_over.contains(id),
        "seed {seed}: {id} is {payment}: what left was paid for, and nothing else was"
    );
}

/// What is on the shelves is what was not handed over; nothing is reserved any more.
fn assert_shelves_agree(world: &mut World) {
    let seed = world.seed;
    let rows = world.inventory.core.rows();
    let committed: BTreeSet<&String> = (rows.reservations.iter())
        .filter(|row| row.state == "committed")
        .map(|row| &row.purchase_id)
        .collect();
    let mut sold: BTreeMap<&str, i64> = BTreeMap::new();
    for line in rows
        .lines
        .iter()
        .filter(|line| committed.contains(&line.purchase_id))
    {
        *sold.entry(&line.sku).or_default() += i64::from(line.quantity);
    }
    for shelf in rows.stock.iter() {
        let left = FILLED - sold.get(shelf.sku.as_str()).copied().unwrap_or(0);
        assert_eq!(
            (shelf.on_hand, shelf.reserved),
            (left, 0),
            "seed {seed}: {} on hand, reserved",
            shelf.sku
        );
    }
}

/// What the ledger says was taken, by card and as gift cards, is what the purchases cost.
fn assert_the_ledger_agrees(world: &mut World) {
    let seed = world.seed;
    let captured: i64 = world.outside.captured.values().sum();
    let rows = world.payment.core.rows();
    let cards: i64 = (rows.payments.iter())
        .filter(|row| matches!(row.state.as_str(), "captured" | "refunded"))
        .map(|row| row.card_minor)
        .sum();
    assert_eq!(captured, cards, "seed {seed}: charged, and sold by card");
    let entries: BTreeSet<&String> = rows.entries.iter().map(|entry| &entry.entry_id).collect();
    assert_eq!(
        entries.len(),
        rows.entries.iter().count(),
        "seed {seed}: entries are written once"
    );
    for posting in rows.postings.iter() {
        assert!(
            entries.contains(&posting.entry_id),
            "seed {seed}: {posting:?}"
        );
    }
}

fn assert_windows_agree(world: &mut World, count: usize) {
    let mut by_size: BTreeMap<i64, i64> = BTreeMap::new();
    for window in world.analytics.core.rows().windows.iter() {
        *by_size.entry(window.size_micros).or_default() += window.purchases;
    }
    let count = i64::try_from(count).unwrap();
    assert!(
        !by_size.is_empty() && by_size.values().all(|sum| *sum == count),
        "seed {}: {count} purchases, in windows {by_size:?}",
        world.seed
    );
}

/// Poison and contradictions are set aside by every group that reads them, and nothing else is.
fn assert_only_poison_was_set_aside(world: &mut World) {
    let seed = world.seed;
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    let mut poisons = Vec::new();
    for action in Shop::new(&world.plan) {
        match action.deed {
            Deed::Poison(poison) => poisons.push(poison),
            Deed::Buy {
                kind: Kind::Conflict,
                ..
            } => {
                *expected
                    .entry("conflicting_duplicate".to_owned())
                    .or_default() += 1;
            }
            Deed::Buy { .. } | Deed::Cancel { .. } => {}
        }
    }
    for member in world.members() {
        let mut expected = expected.clone();
        // The timeline shows a contradiction as an entry of its own.
        if member.name() == "timeline" {
            expected.remove("conflicting_duplicate");
        }
        for poison in &poisons {
            if member.reads(&poison.record.topic) {
                *expected.entry(poison.reason.to_owned()).or_default() += 1;
            }
        }
        let mut refused: BTreeMap<String, usize> = BTreeMap::new();
        for reason in member.refused() {
            *refused.entry(reason.clone()).or_default() += 1;
        }
        assert_eq!(
            refused,
            expected,
            "seed {seed}: set aside by {}",
            member.name()
        );
    }
}
