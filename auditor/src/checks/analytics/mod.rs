//! Analytics: what it counted, computed again from the topics, exactly, per window and shard.
//!
//! **Memory.** What is counted of a shard, not its purchases.

mod baskets;
pub(crate) mod counted;
pub(crate) mod windows;

use std::collections::BTreeMap;

use super::{Around, is_read};
use crate::{
    Group,
    baskets::Window,
    case::{Case, Place},
    report::Report,
    shard::Shard,
};

/// What is counted: the records of a shard that analytics has taken in.
struct Counting<'a> {
    shard: &'a Shard,
    around: &'a Around<'a>,
}

impl Counting<'_> {
    fn is_counted(&self, at: Place) -> bool {
        is_read(self.shard, Group::Analytics, at, self.around)
    }

    /// Whether a fact of a kind is counted.
    fn has(&self, case: &Case, kind: &str) -> bool {
        let mut facts = case.facts.iter();
        facts.any(|fact| fact.kind == kind && self.is_counted(fact.at))
    }

    /// Whether all that was ever counted in a window that began then must still be on the topics.
    fn is_provable(&self, start: i64) -> bool {
        self.around.kept.tells_all_since(start)
    }

    /// A window's name in the report.
    fn name_of(&self, (size, start): Window) -> String {
        let begin = jiff::Timestamp::from_microsecond(start)
            .map_or_else(|_| start.to_string(), |begin| begin.to_string());
        let seconds = size / 1_000_000;
        format!("window {begin} of {seconds} s, shard {}", self.shard.number)
    }
}

/// The windows of a shard, computed again part by part.
#[derive(Debug, Default)]
pub(crate) struct Recomputed {
    sums: windows::Sums,
    baskets: baskets::Recount,
}

impl Recomputed {
    /// Counts the purchases of a part, and checks what is remembered of each.
    pub(crate) fn part(
        &mut self,
        shard: &Shard,
        cases: &BTreeMap<String, Case>,
        around: &Around<'_>,
        report: &mut Report,
    ) {
        let counting = Counting { shard, around };
        for (purchase_id, case) in cases {
            self.sums.case(case, &counting);
            self.baskets.case(case, &counting);
            counted::check(purchase_id, case, report);
        }
    }

    /// Compares, once all parts were counted.
    pub(crate) fn compare(mut self, shard: &Shard, around: &Around<'_>, report: &mut Report) {
        let counting = Counting { shard, around };
        self.sums.keepers(&counting);
        self.sums.compare(&counting, report);
        self.baskets.compare(&counting, report);
    }
}
