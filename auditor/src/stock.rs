//! Stock, SKU by SKU: what stands in the table against the fold of all movements, what live
//! reservations hold, and what stock keepers stated.

use std::collections::BTreeMap;

use inventory::{Stock, StockMovement};

use crate::report::{Promise, Report};

#[derive(Debug, Default)]
struct Shelf {
    row: Option<(i64, i64, i64)>,
    on_hand: i128,
    reserved: i128,
    movements: i64,
    sequences: i128,
    /// Sequence, on hand and reserved after the last movement.
    last: (i64, i64, i64),
    received: i128,
    adjusted: i128,
    committed: i128,
    /// Of live reservations.
    live: i64,
}

/// All SKUs.
#[derive(Debug, Default)]
pub(crate) struct Shelves(BTreeMap<String, Shelf>);

impl Shelves {
    /// Takes note of what the table says.
    pub(crate) fn stands(&mut self, row: Stock) {
        let shelf = self.0.entry(row.sku).or_default();
        shelf.row = Some((row.on_hand, row.reserved, row.movements));
    }

    /// Adds a movement to the fold.
    pub(crate) fn moved(&mut self, row: &StockMovement) {
        let shelf = self.0.entry(row.sku.clone()).or_default();
        let change = i128::from(row.on_hand_change);
        shelf.on_hand += change;
        shelf.reserved += i128::from(row.reserved_change);
        shelf.movements += 1;
        shelf.sequences += i128::from(row.sequence);
        if row.sequence > shelf.last.0 {
            shelf.last = (row.sequence, row.on_hand_after, row.reserved_after);
        }
        match row.kind.as_str() {
            "received" => shelf.received += change,
            "adjusted" => shelf.adjusted += change,
            "committed" => shelf.committed -= change,
            _ => {}
        }
    }

    /// Adds what a live reservation holds.
    pub(crate) fn holds(&mut self, sku: &str, quantity: i64) {
        self.0.entry(sku.to_owned()).or_default().live += quantity;
    }

    /// Compares everything, once all reservations were added.
    pub(crate) fn check(&self, report: &mut Report) {
        for (sku, shelf) in &self.0 {
            let subject = format!("sku {sku}");
            report.count(Promise::Stock, "SKUs", 1);
            report.count(Promise::Stock, "movements", shelf.movements);
            shelf.check(&subject, report);
        }
    }
}

impl Shelf {
    fn check(&self, subject: &str, report: &mut Report) {
        let Some((on_hand, reserved, movements)) = self.row else {
            report.breach(Promise::Stock, subject, "has movements and no stock row");
            return;
        };
        report.count(Promise::Stock, "units on hand", on_hand);
        report.count(Promise::Stock, "units reserved", reserved);
        let mut require = |holds: bool, what: String| {
            report.require(holds, Promise::Stock, subject, || what);
        };
        require(
            i128::from(on_hand) == self.on_hand,
            format!(
                "{on_hand} on hand, and its movements add up to {}",
                self.on_hand
            ),
        );
        require(
            i128::from(reserved) == self.reserved,
            format!(
                "{reserved} reserved, and its movements add up to {}",
                self.reserved
            ),
        );
        require(
            self.received + self.adjusted - self.committed == self.on_hand,
            format!(
                "received {} + adjusted {} - committed {} is not {} on hand",
                self.received, self.adjusted, self.committed, self.on_hand
            ),
        );
        require(
            on_hand >= 0 && reserved >= 0 && reserved <= on_hand,
            format!("{on_hand} on hand and {reserved} reserved cannot be"),
        );
        require(
            reserved == self.live,
            format!(
                "{reserved} reserved, and live reservations hold {}",
                self.live
            ),
        );
        let count = i128::from(self.movements);
        require(
            movements == self.movements
                && self.last.0 == self.movements
                && self.sequences == count * (count + 1) / 2,
            format!(
                "{movements} movements by its row, {} found, the last numbered {}",
                self.movements, self.last.0
            ),
        );
        require(
            (self.last.1, self.last.2) == (on_hand, reserved),
            format!(
                "the last movement left {} on hand and {} reserved, the row has {on_hand} and {reserved}",
                self.last.1, self.last.2
            ),
        );
    }
}
