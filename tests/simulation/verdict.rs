//! What is true of every run that is over, whatever its order: each purchase has come to one end, and
//! money, goods, timeline, windows, journals, topics and dead letters agree about it, and with what
//! was bought.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Purchase, domain::TenderKind};

use crate::{counted, groups, shown, told, world::World};

/// Checks a run that is over: how many purchases came to which end.
pub(crate) fn check(world: &World) -> Result<BTreeMap<String, u64>, String> {
    let ends = purchases(world)?;
    money(world)?;
    goods(world)?;
    counted::windows(world)?;
    shown::entries(world)?;
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
        let known: BTreeSet<&str> = states.keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = bought.keys().copied().collect();
        let missing = expected.difference(&known).next();
        holds!(missing.is_none(), "I2: {name} does not know {missing:?}");
        // Of what was never bought, a group may know that somebody wished to cancel it.
        let invented = known.difference(&expected).next();
        let is_asked = |id: &str| world.requests().any(|(_, of)| of == id);
        holds!(
            invented.is_none_or(|id| is_asked(id)),
            "I2: {name} knows {invented:?}, which was never bought"
        );
    }
    for id in bought.keys().copied() {
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
        *ends.entry(end[3].to_owned()).or_default() += 1;
    }
    Ok(ends)
}

/// The ends that a purchase may come to: dispatch, payment, inventory, and what the customer is shown.
fn is_an_end(end: [&str; 4]) -> bool {
    match end {
        ["handed_over", "captured", "committed", "completed"]
        | [
            "handed_over",
            "capture_failed",
            "committed",
            "payment_overdue",
        ]
        | ["returned", "credited", "committed", "cancelled"]
        | ["returned", "refunded", "committed", "refunded"] => true,
        ["cancelled", payment, stock, "cancelled"] => {
            matches!(payment, "voided" | "declined")
                && matches!(stock, "released" | "rejected" | "expired")
        }
        _ => false,
    }
}

/// What of a purchase is paid by card.
fn card_minor(purchase: &Purchase) -> i64 {
    let cards = purchase.tenders.iter();
    let cards = cards.filter(|tender| tender.kind == TenderKind::Card);
    cards.map(|tender| tender.amount_minor).sum()
}

/// What was bought is what payment and provider have moved, purchase by purchase (I2).
fn money(world: &World) -> Result<(), String> {
    let bought = world.plan.bought();
    let outside = &world.outside;
    let payments: Vec<payment::Payment> = rows(world, groups::PAYMENT)?;
    for row in &payments {
        let (id, state) = (row.purchase_id.as_str(), row.state.as_str());
        let Some(purchase) = bought.get(id) else {
            continue;
        };
        let card = card_minor(purchase);
        let asked = (purchase.total_minor(), card, purchase.currency.as_str());
        let currency = row.currency.as_deref().unwrap_or_default();
        let is = (row.amount_minor, row.card_minor, currency);
        holds!(
            is == asked,
            "I2: {id} costs {asked:?}, and payment has {is:?}"
        );
        let of_card = |moves: bool| (moves && card > 0).then(|| (card, currency.to_owned()));
        let is_charged = matches!(state, "captured" | "refunded");
        for (what, moved, expected) in [
            ("held", outside.held.get(id), None),
            ("taken", outside.captured.get(id), of_card(is_charged)),
            (
                "given back",
                outside.refunded.get(id),
                of_card(state == "refunded"),
            ),
        ] {
            holds!(
                moved == expected.as_ref(),
                "I2: {id} is {state}, and the provider has {what} {moved:?}, not {expected:?}"
            );
        }
        let has_left = is_charged || matches!(state, "capture_failed" | "credited");
        holds!(
            has_left == outside.handed_over.contains(id),
            "I5: {id} is {state}: what left was to be paid for, and nothing else was"
        );
    }
    let strangers = outside.captured.keys().chain(outside.held.keys());
    let stranger = strangers
        .into_iter()
        .find(|id| !bought.contains_key(id.as_str()));
    holds!(
        stranger.is_none(),
        "I2: the provider has money of {stranger:?}, which was never bought"
    );
    Ok(())
}

/// What is on the shelves is what came in and was not handed over, by what was bought; nothing is
/// reserved any more (I4).
fn goods(world: &World) -> Result<(), String> {
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for event in rows::<inventory::StockEvent>(world, groups::INVENTORY)? {
        *left.entry(event.sku).or_default() += event.quantity_change;
    }
    let bought = world.plan.bought();
    for id in &world.outside.handed_over {
        let Some(purchase) = bought.get(id.as_str()) else {
            return Err(format!("I5: {id} was handed over and never bought"));
        };
        for line in &purchase.lines {
            *left.entry(line.item_id.to_string()).or_default() -= i64::from(line.quantity);
        }
    }
    for shelf in rows::<inventory::Stock>(world, groups::INVENTORY)? {
        let left = left.get(&shelf.sku).copied().unwrap_or_default();
        holds!(
            (shelf.on_hand, shelf.reserved) == (left, 0),
            "I4: {shelf:?}, and {left} should be left"
        );
    }
    Ok(())
}
