//! The promises, one file each: pure functions of one purchase or one shard.
//!
//! What must hold is stated here again in the auditor's own words, and not taken from the groups: a
//! defect of theirs is to be found, not repeated.

mod accepted;
mod accounting;
mod acting;
pub(crate) mod analytics;
mod answers;
mod dispatch;
pub(crate) mod dispatch_row;
mod finished;
mod invented;
mod ledger;
mod money;
mod once;
mod provider;
mod reservation;
pub(crate) mod shown;
mod standstill;
mod stock;
#[cfg(test)]
pub(crate) mod tests;
mod timeline;

use std::{collections::HashSet, io, path::Path};

use crate::{
    Group,
    case::Case,
    kept::Kept,
    poison,
    report::Report,
    shard::{Shard, Standing},
    stock::Shelves,
    stores::Books,
    topics::Layout,
    totals::Totals,
};

/// What the checks know besides the shard.
pub(crate) struct Around<'a> {
    pub(crate) books: &'a Books,
    pub(crate) layout: &'a Layout,
    /// What the topics of the shard still tell.
    pub(crate) kept: Kept,
    pub(crate) now: i64,
    pub(crate) grace_micros: i64,
    pub(crate) retention_micros: i64,
    pub(crate) has_provider: bool,
    pub(crate) has_intents: bool,
}

/// What is added up over all shards.
#[derive(Debug)]
pub(crate) struct Sums {
    pub(crate) shelves: Shelves,
    pub(crate) totals: Totals,
    /// The intents of poison whose record was found.
    pub(crate) poison: HashSet<u64>,
}

impl Sums {
    /// Nothing yet; movements of stock are sorted into so many files.
    pub(crate) fn new(within: Option<&Path>, files: i32) -> io::Result<Self> {
        Ok(Self {
            shelves: Shelves::new(within, files)?,
            totals: Totals::default(),
            poison: HashSet::new(),
        })
    }
}

/// Checks a part of a shard purchase by purchase, and adds to what is summed up over the shard and over
/// all shards.
pub(crate) fn part(
    shard: &mut Shard,
    around: &Around<'_>,
    recomputed: &mut analytics::Recomputed,
    sums: &mut Sums,
    report: &mut Report,
) {
    let mut cases = std::mem::take(&mut shard.cases);
    for (purchase_id, case) in &mut cases {
        finished::place(purchase_id, case, shard, around);
        acting::place(case, shard, around);
        one(purchase_id, case, shard, around, &mut sums.totals, report);
        for (sku, quantity) in stock::live(case) {
            sums.shelves.holds(sku, quantity);
        }
        reservation::shortages(purchase_id, case, &mut sums.shelves);
    }
    recomputed.part(shard, &cases, around, report);
}

/// Checks a shard as a whole, once all of its parts were.
pub(crate) fn shard(
    shard: &Shard,
    around: &Around<'_>,
    recomputed: analytics::Recomputed,
    sums: &mut Sums,
    report: &mut Report,
) {
    accounting::check(shard, around, report);
    poison::check_shard(shard, around, &mut sums.poison, report);
    stock::check_keepers(shard, around, report);
    recomputed.compare(shard, around, report);
}

fn one(
    purchase_id: &str,
    case: &Case,
    shard: &Shard,
    around: &Around<'_>,
    totals: &mut Totals,
    report: &mut Report,
) {
    if case.has_gaps {
        report.unproven("purchases of which records are gone", 1);
    }
    accepted::check(purchase_id, case, shard, around, report);
    once::check(purchase_id, case, report);
    invented::check(purchase_id, case, around, report);
    money::check(purchase_id, case, totals, report);
    if around.has_provider {
        provider::check(purchase_id, case, around, totals, report);
    }
    stock::check(purchase_id, case, report);
    reservation::check(purchase_id, case, report);
    dispatch::check(purchase_id, case, report);
    timeline::check(purchase_id, case, shard, around, report);
    answers::check(purchase_id, case, around, report);
    finished::check(purchase_id, case, around, report);
}

/// Whether a group has taken a record in.
fn is_read(shard: &Shard, group: Group, at: crate::case::Place, around: &Around<'_>) -> bool {
    shard.standing(group, at, around.books) == Standing::Read
}
