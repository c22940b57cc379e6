//! Stock, SKU by SKU: what stands in the table against the fold of all movements, what live
//! reservations hold, and what stock keepers stated.

use std::{collections::BTreeMap, io, path::Path};

use inventory::{Stock, StockMovement};

use crate::{
    parts::Parts,
    rejections::Replay,
    report::{Promise, Report},
    spill::Spill,
    topics::digest,
    witness::Witness,
};

#[derive(Debug, Default)]
struct Shelf {
    row: Option<(i64, i64, i64)>,
    on_hand: i128,
    reserved: i128,
    movements: i64,
    sequences: i128,
    /// What every movement leaves, less what every movement finds, as digests: what is in between
    /// cancels out when each finds what the one before it left.
    chain: u64,
    /// Sequence, on hand and reserved after the last movement.
    last: (i64, i64, i64),
    received: i128,
    adjusted: i128,
    committed: i128,
    /// Of live reservations.
    live: i64,
}

/// All SKUs.
#[derive(Debug)]
pub(crate) struct Shelves {
    by_sku: BTreeMap<String, Shelf>,
    /// Movements and rejections, sorted by SKU.
    moves: Spill,
    rejected: Vec<(String, Witness)>,
}

/// A purchase was told that there is not enough of a SKU.
#[derive(Debug)]
pub(crate) struct Shortage<'a> {
    pub(crate) purchase_id: &'a str,
    pub(crate) sku: &'a str,
    pub(crate) quantity: i64,
    /// When, microseconds.
    pub(crate) at: i64,
}

impl Shelves {
    /// No SKU yet; movements are sorted into so many files.
    pub(crate) fn new(within: Option<&Path>, files: i32) -> io::Result<Self> {
        Ok(Self {
            by_sku: BTreeMap::new(),
            moves: Spill::new(within, Parts::whole(files))?,
            rejected: Vec::new(),
        })
    }

    fn of(&mut self, sku: &str) -> &mut Shelf {
        if !self.by_sku.contains_key(sku) {
            self.by_sku.insert(sku.to_owned(), Shelf::default());
        }
        self.by_sku.get_mut(sku).expect("it was just put there")
    }

    /// Takes note of what the table says.
    pub(crate) fn stands(&mut self, row: &Stock) {
        self.of(&row.sku).row = Some((row.on_hand, row.reserved, row.movements));
    }

    /// Adds a movement to the fold.
    pub(crate) fn moved(&mut self, row: &StockMovement) -> io::Result<()> {
        let shelf = self.of(&row.sku);
        let change = i128::from(row.on_hand_change);
        shelf.on_hand += change;
        shelf.reserved += i128::from(row.reserved_change);
        shelf.movements += 1;
        shelf.sequences += i128::from(row.sequence);
        let after = (row.sequence, row.on_hand_after, row.reserved_after);
        let before = (
            row.sequence.wrapping_sub(1),
            row.on_hand_after.wrapping_sub(row.on_hand_change),
            row.reserved_after.wrapping_sub(row.reserved_change),
        );
        shelf.chain = (shelf.chain)
            .wrapping_add(link(after))
            .wrapping_sub(link(before));
        if row.sequence > shelf.last.0 {
            shelf.last = after;
        }
        match row.kind.as_str() {
            "received" => shelf.received += change,
            "adjusted" => shelf.adjusted += change,
            "committed" => shelf.committed -= change,
            _ => {}
        }
        let moved = Witness::Moved {
            sequence: row.sequence,
            at: row.moved_at,
            free: row.on_hand_after.saturating_sub(row.reserved_after),
        };
        self.moves.put(&row.sku, moved)
    }

    /// Adds what a live reservation holds.
    pub(crate) fn holds(&mut self, sku: &str, quantity: i64) {
        self.of(sku).live += quantity;
    }

    /// Takes note of a rejection, to be judged once all are known.
    pub(crate) fn rejected(&mut self, shortage: &Shortage<'_>) {
        let rejected = Witness::Rejected {
            purchase_id: shortage.purchase_id.to_owned(),
            quantity: shortage.quantity,
            at: shortage.at,
        };
        self.rejected.push((shortage.sku.to_owned(), rejected));
    }

    /// Sorts the rejections of a shard, so that they need not be held.
    pub(crate) fn sort(&mut self) -> io::Result<()> {
        for (sku, rejected) in self.rejected.drain(..) {
            self.moves.put(&sku, rejected)?;
        }
        Ok(())
    }

    /// Compares everything, once all reservations were added.
    pub(crate) fn check(&mut self, report: &mut Report) -> io::Result<()> {
        for (sku, shelf) in &self.by_sku {
            let subject = format!("sku {sku}");
            report.count(Promise::Stock, "SKUs", 1);
            report.count(Promise::Stock, "movements", shelf.movements);
            shelf.check(&subject, report);
        }
        self.sort()?;
        for file in 0..self.moves.shards() {
            let mut replay = Replay::default();
            (self.moves).read(file, Some(0), |line| replay.expect(line))?;
            if !replay.is_empty() {
                (self.moves).read(file, Some(0), |line| replay.moved(line))?;
            }
            replay.check(report);
        }
        Ok(())
    }
}

/// A digest of a place in a SKU's history: sequence, on hand and reserved.
fn link((sequence, on_hand, reserved): (i64, i64, i64)) -> u64 {
    let numbers = [sequence, on_hand, reserved].map(i64::to_be_bytes);
    digest(&[Some(numbers.as_flattened())])
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
            self.chain == link(self.last).wrapping_sub(link((0, 0, 0))),
            "a movement does not find what the one before it left".to_owned(),
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
