//! What stock keepers say: receipts and counts, each taking effect once by the id they gave it.
//!
//! A count that finds less than is promised is refused whole. Taking off only what the constraint
//! allows would hide the shortfall; the dead letter names it, and is redriven once reservations
//! were released or goods received.

use runtime::{Decision, Refusal, Timestamp};
use schemas::domain::{StockAdjusted, StockReceived};

use crate::{
    rows::{InventoryRows, StockEvent},
    stock::{MovementKind, Mover, move_stock, on_shelf},
};

/// Goods came in.
pub(crate) fn received(
    rows: &mut InventoryRows,
    fact: &StockReceived,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let event = StockEvent {
        event_id: fact.event_id.clone(),
        sku: fact.sku.clone(),
        kind: MovementKind::Received.as_str().to_owned(),
        quantity_change: fact.quantity,
        reason: None,
        applied_at: now,
    };
    if fact.quantity < 1 {
        return Err(Refusal::decide(
            "quantity_out_of_range",
            format!(
                "sku {}: received {}, at least 1 expected",
                fact.sku, fact.quantity
            ),
        ));
    }
    apply(rows, event, MovementKind::Received)
}

/// Goods were counted.
pub(crate) fn adjusted(
    rows: &mut InventoryRows,
    fact: &StockAdjusted,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let event = StockEvent {
        event_id: fact.event_id.clone(),
        sku: fact.sku.clone(),
        kind: MovementKind::Adjusted.as_str().to_owned(),
        quantity_change: fact.quantity_change,
        reason: Some(fact.reason.clone()),
        applied_at: now,
    };
    apply(rows, event, MovementKind::Adjusted)
}

fn apply(
    rows: &mut InventoryRows,
    event: StockEvent,
    kind: MovementKind,
) -> Result<Decision, Refusal> {
    if seen_before(rows, &event)? && !mutants::on("effects-before-dedupe") {
        return Ok(Decision::Duplicate);
    }
    let shelf = on_shelf(rows, &event.sku);
    let on_hand = shelf.on_hand.saturating_add(event.quantity_change);
    if kind == MovementKind::Adjusted && on_hand < shelf.reserved {
        return Err(Refusal::decide(
            "adjustment_below_reserved",
            format!(
                "sku {}: {} on hand {:+} leaves {on_hand}, and {} are reserved",
                event.sku, shelf.on_hand, event.quantity_change, shelf.reserved
            ),
        ));
    }
    let mover = Mover {
        kind,
        subject: &event.event_id,
        step: "inventory.keeper",
        purchase_id: None,
        reason: event.reason.as_deref(),
        cause_id: &event.event_id,
        now: event.applied_at,
    };
    move_stock(rows, mover, &event.sku, event.quantity_change, 0)?;
    rows.events.put(event);
    Ok(Decision::Applied)
}

/// Whether the keeper's id has had its effect. An id that says something else the second time is a
/// contradiction, and the first in the log wins.
fn seen_before(rows: &InventoryRows, event: &StockEvent) -> Result<bool, Refusal> {
    let first = (event.event_id.clone(), String::new());
    let Some(known) = (rows.events.range(first..))
        .next()
        .filter(|known| known.event_id == event.event_id)
    else {
        return Ok(false);
    };
    let same = StockEvent {
        applied_at: known.applied_at,
        ..event.clone()
    };
    if *known == same {
        return Ok(true);
    }
    Err(Refusal::decide(
        "conflicting_duplicate",
        format!(
            "event {} was {} of {:+} on sku {}, and is now {} of {:+} on sku {}",
            event.event_id,
            known.kind,
            known.quantity_change,
            known.sku,
            event.kind,
            event.quantity_change,
            event.sku
        ),
    ))
}
