//! Counts and money of every window, computed again from the topics, exactly. Lateness is not: how
//! late is late is the group's own setting.

use std::collections::BTreeMap;

use analytics::rows::{RevenueRow, WindowRow};

use super::Counting;
use crate::{
    Group,
    case::Case,
    report::{Promise, Report},
};

const P: Promise = Promise::Analytics;

/// What is counted in the window in which it was stated.
const COUNTED: [(&str, &str); 10] = [
    ("PaymentAuthorised", "authorised"),
    ("PaymentDeclined", "declined"),
    ("StockRejected", "stock rejected"),
    ("ReservationExpired", "reservations expired"),
    ("PurchaseCancelled", "cancelled"),
    ("DispatchAtRisk", "at risk"),
    ("ShipmentHandedOver", "handed over"),
    ("PaymentCaptured", "captured"),
    ("CaptureFailed", "capture failed"),
    ("PaymentRefunded", "refunded"),
];

/// What is also counted in the window in which the purchase was made.
const OF_PURCHASES: [(&str, &str); 5] = [
    ("PaymentAuthorised", "of purchases: authorised"),
    ("PaymentDeclined", "of purchases: declined"),
    ("StockRejected", "of purchases: out of stock"),
    ("PurchaseCancelled", "of purchases: cancelled"),
    ("PaymentCaptured", "of purchases: captured"),
];

/// The counts of a row under the names that are used here; zeros are left out.
pub(crate) fn counts_of(row: &WindowRow) -> Vec<(String, i64)> {
    named([
        ("purchases", row.purchases),
        ("units", row.units),
        ("authorised", row.authorised),
        ("declined", row.declined),
        ("stock rejected", row.stock_rejected),
        ("reservations expired", row.reservations_expired),
        ("cancellation requests", row.cancellation_requests),
        ("cancelled", row.cancelled),
        ("at risk", row.at_risk),
        ("handed over", row.handed_over),
        ("captured", row.captured),
        ("capture failed", row.capture_failed),
        ("refunded", row.refunded),
        ("stock received", row.stock_received),
        ("stock adjusted", row.stock_adjusted),
        ("of purchases: authorised", row.of_purchases_authorised),
        ("of purchases: declined", row.of_purchases_declined),
        ("of purchases: out of stock", row.of_purchases_out_of_stock),
        ("of purchases: cancelled", row.of_purchases_cancelled),
        ("of purchases: captured", row.of_purchases_captured),
    ])
}

/// The money of a row, likewise.
pub(crate) fn money_of(row: &RevenueRow) -> Vec<(String, i64)> {
    let sums = [
        ("ordered", row.ordered_minor),
        ("captured", row.captured_minor),
        ("refunded", row.refunded_minor),
    ];
    let named = sums.map(|(what, minor)| (money(what, &row.currency), minor));
    named.into_iter().filter(|(_, minor)| *minor != 0).collect()
}

fn named<const N: usize>(counts: [(&str, i64); N]) -> Vec<(String, i64)> {
    let counted = counts.into_iter().filter(|(_, n)| *n != 0);
    counted.map(|(what, n)| (what.to_owned(), n)).collect()
}

fn money(what: &str, currency: &str) -> String {
    format!("{what}, {currency} minor")
}

/// Counts and sums, by window and by what is counted.
#[derive(Debug, Default)]
pub(super) struct Sums {
    windows: BTreeMap<(i64, i64, String), i64>,
    /// What belongs into windows of which there are none at all.
    uncounted: i64,
}

impl Sums {
    /// Counts what stock keepers stated.
    pub(super) fn keepers(&mut self, counting: &Counting<'_>) {
        for event in counting.shard.keeper_events.values() {
            if counting.is_counted(event.at) {
                let what = if event.received {
                    "stock received"
                } else {
                    "stock adjusted"
                };
                self.add(counting, event.occurred_at, what, event.change);
            }
        }
    }

    /// Counts a purchase and what became of it.
    pub(super) fn case(&mut self, case: &Case, counting: &Counting<'_>) {
        let bought = case.bought_by(Group::Analytics);
        let bought = bought.filter(|bought| counting.is_counted(bought.at));
        if let Some(bought) = bought {
            let at = bought.occurred_at;
            self.add(counting, at, "purchases", 1);
            self.add(counting, at, "units", bought.wanted.values().sum());
            let ordered = money("ordered", &bought.currency);
            self.add(counting, at, &ordered, bought.total_minor);
        }
        // Of several requests the first counts.
        let first = case.requests.first();
        if let Some(request) = first.filter(|request| counting.is_counted(request.at)) {
            self.add(counting, request.occurred_at, "cancellation requests", 1);
        }
        for fact in (case.facts.iter()).filter(|fact| counting.is_counted(fact.at)) {
            let counted = COUNTED.iter().find(|(kind, _)| *kind == fact.kind);
            if let Some((_, what)) = counted {
                self.add(counting, fact.occurred_at, what, 1);
            }
            let moved = match (fact.kind, &fact.money) {
                ("PaymentCaptured", Some(moved)) => Some(("captured", moved)),
                ("PaymentRefunded", Some(moved)) => Some(("refunded", moved)),
                _ => None,
            };
            if let Some((what, (amount_minor, currency))) = moved {
                let what = money(what, currency);
                self.add(counting, fact.occurred_at, &what, *amount_minor);
            }
        }
        let Some(bought) = bought else {
            return;
        };
        for (kind, what) in OF_PURCHASES {
            if counting.has(case, kind) {
                self.add(counting, bought.occurred_at, what, 1);
            }
        }
    }

    fn add(&mut self, counting: &Counting<'_>, at: i64, what: &str, n: i64) {
        let sizes = &counting.around.books.window_sizes;
        if sizes.is_empty() {
            self.uncounted += 1;
        }
        for size in sizes.iter().filter(|size| **size > 0) {
            let start = at.saturating_sub(at.rem_euclid(*size));
            *self
                .windows
                .entry((*size, start, what.to_owned()))
                .or_default() += n;
        }
    }

    pub(super) fn compare(mut self, counting: &Counting<'_>, report: &mut Report) {
        self.windows.retain(|_, n| *n != 0);
        let shard = counting.shard;
        let subject = format!("shard {}", shard.number);
        report.require(self.uncounted == 0, P, &subject, || {
            format!(
                "{} counts, and analytics has no window at all",
                self.uncounted
            )
        });
        let widest = counting.around.books.window_sizes.last();
        let places: std::collections::BTreeSet<_> =
            self.windows.keys().chain(shard.windows.keys()).collect();
        for place in places {
            let (size, start, what) = place;
            if !counting.is_provable(*start) {
                report.unproven("counts and sums of windows whose records are gone", 1);
                continue;
            }
            let computed = self.windows.get(place).copied().unwrap_or_default();
            let stored = shard.windows.get(place).copied().unwrap_or_default();
            report.count(P, "counts and sums compared", 1);
            if widest == Some(size) {
                report.count(P, what.clone(), computed);
            }
            if computed != stored {
                let what = format!("{what}: analytics has {stored}, the topics say {computed}");
                report.breach(P, counting.name_of((*size, *start)), what);
            }
        }
    }
}
