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
pub(super) struct Recount<'a> {
    counting: &'a Counting<'a>,
    computed: Baskets,
    customers: BTreeMap<Window, Registers>,
    /// Purchases that belong into windows of which there are none at all.
    uncounted: i64,
}

impl<'a> Recount<'a> {
    pub(super) fn new(counting: &'a Counting<'a>) -> Self {
        Self {
            counting,
            computed: Baskets::default(),
            customers: BTreeMap::new(),
            uncounted: 0,
        }
    }

    /// Counts the basket of a purchase, and what became of it, in the windows of the purchase.
    pub(super) fn case(&mut self, case: &Case) {
        let counting = self.counting;
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

    pub(super) fn compare(mut self, report: &mut Report) {
        let shard = self.counting.shard;
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
        self.items(report);
        self.pairs(report);
        self.sketches(report);
    }

    /// Whether a window can be judged; counts what is compared and what cannot be.
    fn judges(&self, window: Window, what: &str, report: &mut Report) -> bool {
        let judges = self.counting.is_provable(window.1);
        if judges {
            report.count(P, format!("{what} compared"), 1);
        } else {
            report.unproven(format!("{what} of windows whose records are gone"), 1);
        }
        judges
    }

    fn items(&self, report: &mut Report) {
        let stored = &self.counting.shard.baskets.items;
        let places: BTreeSet<_> = stored.keys().chain(self.computed.items.keys()).collect();
        for place in places {
            let (window, item_id, currency) = place;
            if !self.judges(*window, "items", report) {
                continue;
            }
            let has = stored.get(place).copied().unwrap_or_default();
            let says = self.computed.items.get(place).copied().unwrap_or_default();
            for (what, (has, says)) in SUMS.iter().zip(has.iter().zip(&says)) {
                report.require(has == says, P, &self.counting.name_of(*window), || {
                    format!("item {item_id} in {currency}, {what}: analytics has {has}, the topics say {says}")
                });
            }
        }
    }

    fn pairs(&self, report: &mut Report) {
        let stored = &self.counting.shard.baskets.pairs;
        let places: BTreeSet<_> = stored.keys().chain(self.computed.pairs.keys()).collect();
        for place in places {
            let (window, pair) = place;
            if !self.judges(*window, "pairs", report) {
                continue;
            }
            let has = stored.get(place).copied().unwrap_or_default();
            let says = self.computed.pairs.get(place).copied().unwrap_or_default();
            report.require(has == says, P, &self.counting.name_of(*window), || {
                format!("baskets with {pair:?}: analytics has {has}, the topics say {says}")
            });
        }
    }

    fn sketches(&self, report: &mut Report) {
        let stored = &self.counting.shard.baskets.customers;
        let places: BTreeSet<_> = stored
            .keys()
            .chain(self.computed.customers.keys())
            .collect();
        for window in places {
            if !self.judges(*window, "sketches of customers", report) {
                continue;
            }
            let same = stored.get(window) == self.computed.customers.get(window);
            report.require(same, P, &self.counting.name_of(*window), || {
                "different customers: analytics has another sketch than the topics make".to_owned()
            });
        }
    }
}
