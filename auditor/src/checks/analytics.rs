//! Analytics: counts and money of every window, computed again from the topics, exactly.
//!
//! Compared are all counts but lateness, and the money, per window and shard. Items, pairs and
//! sketches of customers are not computed again.

use std::collections::BTreeMap;

use analytics::rows::{RevenueRow, WindowRow};

use super::{Around, is_read};
use crate::{
    Group,
    case::{Case, Place},
    report::{Promise, Report},
    shard::Shard,
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

/// Computes the windows of a shard again and compares.
pub(crate) fn check(
    shard: &Shard,
    cases: &BTreeMap<String, Case>,
    around: &Around<'_>,
    report: &mut Report,
) {
    if crate::topics::ALL
        .into_iter()
        .any(|topic| around.layout.is_trimmed(topic, shard.number))
    {
        report.count(P, "shards older than their topics, not computed again", 1);
        return;
    }
    let mut sums = Sums {
        sizes: around
            .books
            .window_sizes
            .iter()
            .copied()
            .filter(|size| *size > 0)
            .collect(),
        windows: BTreeMap::new(),
        uncounted: 0,
    };
    let is_counted = |at: Place| is_read(shard, Group::Analytics, at, around);
    for case in cases.values() {
        sums.case(case, &is_counted);
    }
    for event in shard
        .keeper_events
        .values()
        .filter(|event| is_counted(event.at))
    {
        let what = if event.received {
            "stock received"
        } else {
            "stock adjusted"
        };
        sums.add(event.occurred_at, what, event.change);
    }
    sums.compare(shard, report);
}

struct Sums {
    sizes: Vec<i64>,
    windows: BTreeMap<(i64, i64, String), i64>,
    /// What belongs into windows of which there are none at all.
    uncounted: i64,
}

impl Sums {
    fn case(&mut self, case: &Case, is_counted: &impl Fn(Place) -> bool) {
        let bought = case.bought.as_ref().filter(|bought| is_counted(bought.at));
        if let Some(bought) = bought {
            self.add(bought.occurred_at, "purchases", 1);
            self.add(bought.occurred_at, "units", bought.wanted.values().sum());
            let ordered = money("ordered", &bought.currency);
            self.add(bought.occurred_at, &ordered, bought.total_minor);
        }
        // Of several requests the first counts.
        if let Some(request) = case
            .requests
            .first()
            .filter(|request| is_counted(request.at))
        {
            self.add(request.occurred_at, "cancellation requests", 1);
        }
        for fact in case.facts.iter().filter(|fact| is_counted(fact.at)) {
            let counted = COUNTED.iter().find(|(kind, _)| *kind == fact.kind);
            if let Some((_, what)) = counted {
                self.add(fact.occurred_at, what, 1);
            }
            let moved = match (fact.kind, &fact.money) {
                ("PaymentCaptured", Some(moved)) => Some(("captured", moved)),
                ("PaymentRefunded", Some(moved)) => Some(("refunded", moved)),
                _ => None,
            };
            if let Some((what, (amount_minor, currency))) = moved {
                self.add(fact.occurred_at, &money(what, currency), *amount_minor);
            }
        }
        let Some(bought) = bought else {
            return;
        };
        for (kind, what) in OF_PURCHASES {
            if case
                .facts
                .iter()
                .any(|fact| fact.kind == kind && is_counted(fact.at))
            {
                self.add(bought.occurred_at, what, 1);
            }
        }
    }

    fn add(&mut self, at: i64, what: &str, n: i64) {
        if self.sizes.is_empty() {
            self.uncounted += 1;
        }
        for size in &self.sizes {
            let start = at.saturating_sub(at.rem_euclid(*size));
            *self
                .windows
                .entry((*size, start, what.to_owned()))
                .or_default() += n;
        }
    }

    fn compare(mut self, shard: &Shard, report: &mut Report) {
        self.windows.retain(|_, n| *n != 0);
        report.require(
            self.uncounted == 0,
            P,
            &format!("shard {}", shard.number),
            || {
                format!(
                    "{} counts, and analytics has no window at all",
                    self.uncounted
                )
            },
        );
        let places: std::collections::BTreeSet<_> =
            self.windows.keys().chain(shard.windows.keys()).collect();
        for place in places {
            let (size, start, what) = place;
            let computed = self.windows.get(place).copied().unwrap_or_default();
            let stored = shard.windows.get(place).copied().unwrap_or_default();
            report.count(P, "counts and sums compared", 1);
            if self.sizes.iter().max() == Some(size) {
                report.count(P, what.clone(), computed);
            }
            if computed != stored {
                let begin = jiff::Timestamp::from_microsecond(*start)
                    .map_or_else(|_| start.to_string(), |begin| begin.to_string());
                let window = format!(
                    "window {begin} of {} s, shard {}",
                    size / 1_000_000,
                    shard.number
                );
                let what = format!("{what}: analytics has {stored}, the topics say {computed}");
                report.breach(P, window, what);
            }
        }
    }
}
