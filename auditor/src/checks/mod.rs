//! The promises, one file each: pure functions of one purchase or one shard.
//!
//! What must hold is stated here again in the auditor's own words, and not taken from the groups: a
//! defect of theirs is to be found, not repeated.

mod accepted;
mod accounting;
pub(crate) mod analytics;
mod dispatch;
mod finished;
mod invented;
mod money;
mod once;
mod provider;
mod stock;
mod timeline;

use crate::{
    Group,
    case::Case,
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
    pub(crate) now: i64,
    pub(crate) grace_micros: i64,
    pub(crate) retention_micros: i64,
    pub(crate) has_provider: bool,
    pub(crate) has_intents: bool,
}

/// Checks one shard, purchase by purchase and then as a whole, and adds to what is summed up over all shards.
pub(crate) fn shard(
    shard: &mut Shard,
    around: &Around<'_>,
    shelves: &mut Shelves,
    totals: &mut Totals,
    report: &mut Report,
) {
    let mut cases = std::mem::take(&mut shard.cases);
    for (purchase_id, case) in &mut cases {
        finished::place(case, shard, around);
        one(purchase_id, case, shard, around, totals, report);
        for (sku, quantity) in stock::live(case) {
            shelves.holds(sku, quantity);
        }
    }
    accounting::check(shard, around, report);
    stock::check_keepers(shard, around, report);
    analytics::check(shard, &cases, around, report);
}

fn one(
    purchase_id: &str,
    case: &Case,
    shard: &Shard,
    around: &Around<'_>,
    totals: &mut Totals,
    report: &mut Report,
) {
    accepted::check(purchase_id, case, shard, around, report);
    once::check(purchase_id, case, report);
    invented::check(purchase_id, case, shard, around, report);
    money::check(purchase_id, case, totals, report);
    if around.has_provider {
        provider::check(purchase_id, case, totals, report);
    }
    stock::check(purchase_id, case, report);
    dispatch::check(purchase_id, case, report);
    timeline::check(purchase_id, case, shard, around, report);
    finished::check(purchase_id, case, around, report);
}

/// Whether a group has taken a record in.
fn is_read(shard: &Shard, group: Group, at: crate::case::Place, around: &Around<'_>) -> bool {
    shard.standing(group, at, around.books) == Standing::Read
}
