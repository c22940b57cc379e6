//! Items, items bought together and different customers, computed again from the topics.
//!
//! **Memory.** Of one shard: a line for each item and each pair of a window, and 4 kB for each
//! window.

use std::collections::{BTreeMap, BTreeSet};

use super::Counting;
use crate::{
    Group,
    baskets::{Baskets, Registers, SUMS, Window},
    case::Case,
    report::{Promise, Report},
};

const P: Promise = Promise::Analytics;

/// What the topics say.
#[derive(Debug, Default)]
pub(super) struct Recount {
    computed: Baskets,
    customers: BTreeMap<Window, Registers>,
    /// Purchases that belong into windows of which there are none at all.
    uncounted: i64,
}

impl Recount {
    /// Counts the basket of a purchase, and what became of it, in the windows of the purchase.
    pub(super) fn case(&mut self, case: &Case, counting: &Counting<'_>) {
        let bought = case.bought_by(Group::Analytics);
        let Some(bought) = bought.filter(|bought| counting.is_counted(bought.at)) else {
            return;
        };
        let sizes = &counting.around.books.basket_window_sizes;
        if sizes.is_empty() {
            self.uncounted += 1;
        }
        let captured = i64::from(counting.has(case, "PaymentCaptured"));
        let refunded = i64::from(counting.has(case, "PaymentRefunded"));
        for size in sizes.iter().copied().filter(|size| *size > 0) {
            let at = bought.occurred_at;
            let window = (size, at.saturating_sub(at.rem_euclid(size)));
            for (item_id, units, minor) in bought.basket.iter().copied() {
                let sums = [
                    units,
                    minor,
                    units * captured,
                    minor * captured,
                    units * refunded,
                    minor * refunded,
                ];
                (self.computed).add_item(window, item_id, &bought.currency, sums);
            }
            self.computed.add_pairs(window, &bought.paired);
            let registers = self.customers.entry(window).or_default();
            registers.add(&bought.customer_id);
        }
    }

    pub(super) fn compare(mut self, counting: &Counting<'_>, report: &mut Report) {
        let shard = counting.shard;
        let subject = format!("shard {}", shard.number);
        report.require(self.uncounted == 0, P, &subject, || {
            format!(
                "{} baskets, and analytics has no item at all",
                self.uncounted
            )
        });
        let registers = std::mem::take(&mut self.customers).into_iter();
        self.computed.customers = registers
            .map(|(window, registers)| (window, registers.digest()))
            .collect();
        self.items(counting, report);
        self.pairs(counting, report);
        self.sketches(counting, report);
    }

    fn items(&self, counting: &Counting<'_>, report: &mut Report) {
        let stored = &counting.shard.baskets.items;
        let places: BTreeSet<_> = stored.keys().chain(self.computed.items.keys()).collect();
        for place in places {
            let (window, item_id, currency) = place;
            if !judges(counting, *window, "items", report) {
                continue;
            }
            let has = stored.get(place).copied().unwrap_or_default();
            let says = self.computed.items.get(place).copied().unwrap_or_default();
            for (what, (has, says)) in SUMS.iter().zip(has.iter().zip(&says)) {
                report.require(has == says, P, &counting.name_of(*window), || {
                    format!("item {item_id} in {currency}, {what}: analytics has {has}, the topics say {says}")
                });
            }
        }
    }

    fn pairs(&self, counting: &Counting<'_>, report: &mut Report) {
        let stored = &counting.shard.baskets.pairs;
        let places: BTreeSet<_> = stored.keys().chain(self.computed.pairs.keys()).collect();
        for place in places {
            let (window, pair) = place;
            if !judges(counting, *window, "pairs", report) {
                continue;
            }
            let has = stored.get(place).copied().unwrap_or_default();
            let says = self.computed.pairs.get(place).copied().unwrap_or_default();
            report.require(has == says, P, &counting.name_of(*window), || {
                let (one, other) = pair;
                format!(
                    "baskets with item {one} and item {other}: analytics has {has}, the topics \
                     say {says}"
                )
            });
        }
    }

    fn sketches(&self, counting: &Counting<'_>, report: &mut Report) {
        let stored = &counting.shard.baskets.customers;
        let places: BTreeSet<_> = stored
            .keys()
            .chain(self.computed.customers.keys())
            .collect();
        for window in places {
            if !judges(counting, *window, "sketches of customers", report) {
                continue;
            }
            let same = stored.get(window) == self.computed.customers.get(window);
            report.require(same, P, &counting.name_of(*window), || {
                "different customers: analytics has another sketch than the topics make".to_owned()
            });
        }
    }
}

/// Whether a window can be judged; counts what is compared and what cannot be.
fn judges(counting: &Counting<'_>, window: Window, what: &str, report: &mut Report) -> bool {
    let judges = counting.is_provable(window.1);
    if judges {
        report.count(P, format!("{what} compared"), 1);
    } else {
        report.unproven(format!("{what} of windows whose records are gone"), 1);
    }
    judges
}
