//! Moving stock: the only code that changes a `stock` row, and it cannot do so without writing the
//! movement that explains the change.
//!
//! What stays true: `stock` is the fold of its movements, in sequence, and neither number is ever
//! below zero, nor more reserved than there is. Whoever moves has checked first; the database
//! checks again.

use runtime::{Refusal, Timestamp};
use schemas::ids;

use crate::rows::{InventoryRows, Stock, StockMovement};

/// Why stock moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// Goods came in.
    Received,
    /// Goods were counted.
    Adjusted,
    /// Promised to a purchase.
    Reserved,
    /// Given back by a purchase that ended.
    Released,
    /// Given back by a purchase that did not ask in time.
    Expired,
    /// Left the building.
    Committed,
}

impl MovementKind {
    /// The word in the row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Adjusted => "adjusted",
            Self::Reserved => "reserved",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Committed => "committed",
        }
    }
}

/// Who moves stock, why and when: what all movements of one step have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mover<'a> {
    pub(crate) kind: MovementKind,
    /// What the movement's id is derived from: the purchase, or the keeper's event.
    pub(crate) subject: &'a str,
    /// Tells apart two movements of one kind and subject.
    pub(crate) step: &'static str,
    pub(crate) purchase_id: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) cause_id: &'a str,
    pub(crate) now: Timestamp,
}

/// What can still be promised of a SKU. A SKU that was never received has none.
pub(crate) fn available(rows: &InventoryRows, sku: &str) -> i64 {
    rows.stock
        .get(&(sku.to_owned(),))
        .map_or(0, |stock| stock.on_hand - stock.reserved)
}

/// The stock of a SKU as it is; empty for one that was never received.
pub(crate) fn on_shelf(rows: &InventoryRows, sku: &str) -> Stock {
    let none = || Stock {
        sku: sku.to_owned(),
        on_hand: 0,
        reserved: 0,
        movements: 0,
    };
    rows.stock
        .get(&(sku.to_owned(),))
        .cloned()
        .unwrap_or_else(none)
}

/// Moves stock of one SKU and writes the movement.
///
/// # Errors
/// `stock_out_of_range` when the result is not a possible stock: a defect of the caller, or numbers
/// beyond all bounds.
pub(crate) fn move_stock(
    rows: &mut InventoryRows,
    mover: Mover<'_>,
    sku: &str,
    on_hand_change: i64,
    reserved_change: i64,
) -> Result<(), Refusal> {
    let before = on_shelf(rows, sku);
    let on_hand = before.on_hand.checked_add(on_hand_change);
    let reserved = before.reserved.checked_add(reserved_change);
    let (Some(on_hand), Some(reserved)) = (on_hand, reserved) else {
        return Err(out_of_range(&before, mover.kind, on_hand_change));
    };
    if on_hand < 0 || reserved < 0 || reserved > on_hand {
        let change = if on_hand_change == 0 {
            reserved_change
        } else {
            on_hand_change
        };
        return Err(out_of_range(&before, mover.kind, change));
    }
    let sequence = before.movements + 1;
    rows.movements.push(StockMovement {
        movement_id: ids::derived(mover.subject, &format!("{}.{sku}", mover.step)),
        sku: sku.to_owned(),
        sequence,
        kind: mover.kind.as_str().to_owned(),
        on_hand_change,
        reserved_change,
        on_hand_after: on_hand,
        reserved_after: reserved,
        purchase_id: mover.purchase_id.map(str::to_owned),
        reason: mover.reason.map(str::to_owned),
        cause_id: mover.cause_id.to_owned(),
        moved_at: mover.now,
    });
    rows.stock.put(Stock {
        sku: sku.to_owned(),
        on_hand,
        reserved,
        movements: sequence,
    });
    Ok(())
}

fn out_of_range(before: &Stock, kind: MovementKind, change: i64) -> Refusal {
    Refusal::decide(
        "stock_out_of_range",
        format!(
            "{} of {change} on sku {} with {} on hand and {} reserved",
            kind.as_str(),
            before.sku,
            before.on_hand,
            before.reserved
        ),
    )
}
