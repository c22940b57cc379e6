//! What analytics should have counted, by adding up a list of events in the plainest way; and what
//! it did count, in the same form.

use std::collections::{BTreeMap, BTreeSet};

use analytics::{AnalyticsRows, Observed, sketch::Sketch};
use schemas::{Event, Fact, Purchase};

use crate::support::HOUR;

const MINUTE: i64 = HOUR / 60;

/// Sums without zeros, all shards added up.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// By size, start and name.
    pub(crate) counts: BTreeMap<(i64, i64, String), i64>,
    /// By size, start, currency and name.
    pub(crate) money: BTreeMap<(i64, i64, String, String), i64>,
    /// By start, item, currency and name.
    pub(crate) items: BTreeMap<(i64, i64, String, String), i64>,
    /// By start, lower and higher item.
    pub(crate) pairs: BTreeMap<(i64, i64, i64), i64>,
    /// By start.
    pub(crate) customers: BTreeMap<i64, Vec<u8>>,
}

fn plus<K: Ord>(sums: &mut BTreeMap<K, i64>, key: K, amount: i64) {
    if amount != 0 {
        *sums.entry(key).or_default() += amount;
    }
}

impl Sums {
    fn count(&mut self, at: i64, name: &str, amount: i64) {
        for size in [MINUTE, HOUR] {
            plus(
                &mut self.counts,
                (size, at - at % size, name.to_owned()),
                amount,
            );
        }
    }

    fn money(&mut self, at: i64, currency: &str, name: &str, amount: i64) {
        for size in [MINUTE, HOUR] {
            let key = (size, at - at % size, currency.to_owned(), name.to_owned());
            plus(&mut self.money, key, amount);
        }
    }

    fn basket(&mut self, purchase: &Purchase, what: &str) {
        let start = purchase.occurred_at - purchase.occurred_at % HOUR;
        for line in &purchase.lines {
            let (units, minor) = (
                i64::from(line.quantity),
                i64::from(line.quantity) * line.unit_price_minor,
            );
            for (name, amount) in [("units", units), ("minor", minor)] {
                let key = (
                    start,
                    line.item_id,
                    purchase.currency.clone(),
                    format!("{what}_{name}"),
                );
                plus(&mut self.items, key, amount);
            }
        }
    }

    /// Adds up the events of a list, each once: the first of each id and of each purchase.
    pub(crate) fn of_events(records: &[Observed]) -> Self {
        let mut sums = Self::default();
        let mut seen = BTreeSet::new();
        let records: Vec<&Observed> = (records.iter())
            .filter(|record| seen.insert(record.event.event_id().to_owned()))
            .collect();
        let mut customers: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
        for record in &records {
            sums.in_its_window(record);
            if let Event::Purchase(purchase) = &record.event {
                let kinds: BTreeSet<&str> = (records.iter())
                    .filter(|other| other.event.purchase_id() == Some(&purchase.purchase_id))
                    .map(|other| other.event.kind())
                    .collect();
                sums.purchase(purchase, &kinds);
                let start = purchase.occurred_at - purchase.occurred_at % HOUR;
                customers
                    .entry(start)
                    .or_default()
                    .insert(&purchase.customer_id);
            }
        }
        for (start, members) in customers {
            let mut sketch = Sketch::default();
            members.into_iter().for_each(|member| sketch.add(member));
            sums.customers.insert(start, sketch.into_bytes());
        }
        sums
    }

    fn in_its_window(&mut self, record: &Observed) {
        let at = record.event.occurred_at();
        for size in [MINUTE, HOUR] {
            let start = at - at % size;
            let late = i64::from(record.recorded_at > start + size + MINUTE);
            plus(&mut self.counts, (size, start, "late".to_owned()), late);
        }
        let name = match record.event.kind() {
            "PurchaseCancellationRequested" => "cancellation_requests",
            "PaymentAuthorised" => "authorised",
            "PaymentDeclined" => "declined",
            "StockRejected" => "stock_rejected",
            "ShipmentHandedOver" => "handed_over",
            "PaymentCaptured" => "captured",
            "PurchaseCancelled" => "cancelled",
            "PaymentRefunded" => "refunded",
            _ => "",
        };
        if !name.is_empty() {
            self.count(at, name, 1);
        }
        match &record.event {
            Event::Fact(Fact::StockReceived(fact)) => {
                self.count(at, "stock_received", fact.quantity);
            }
            Event::Fact(Fact::PaymentCaptured(fact)) => {
                self.money(at, &fact.currency, "captured", fact.amount_minor);
            }
            Event::Fact(Fact::PaymentRefunded(fact)) => {
                self.money(at, &fact.currency, "refunded", fact.amount_minor);
            }
            _ => {}
        }
    }

    fn purchase(&mut self, purchase: &Purchase, kinds: &BTreeSet<&str>) {
        let at = purchase.occurred_at;
        self.count(at, "purchases", 1);
        let units = purchase.lines.iter().map(|line| i64::from(line.quantity));
        self.count(at, "units", units.sum());
        self.money(at, &purchase.currency, "ordered", purchase.total_minor());
        for (kind, name) in [
            ("PaymentAuthorised", "of_purchases_authorised"),
            ("PaymentDeclined", "of_purchases_declined"),
            ("StockRejected", "of_purchases_out_of_stock"),
            ("PurchaseCancelled", "of_purchases_cancelled"),
            ("PaymentCaptured", "of_purchases_captured"),
        ] {
            self.count(at, name, i64::from(kinds.contains(kind)));
        }
        self.basket(purchase, "ordered");
        if kinds.contains("PaymentCaptured") {
            self.basket(purchase, "captured");
        }
        if kinds.contains("PaymentRefunded") {
            self.basket(purchase, "refunded");
        }
        let items: BTreeSet<i64> = purchase.lines.iter().map(|line| line.item_id).collect();
        for low in &items {
            for high in items.iter().filter(|high| *high > low) {
                plus(&mut self.pairs, (at - at % HOUR, *low, *high), 1);
            }
        }
    }

    /// What the rows say.
    pub(crate) fn of_rows(rows: &AnalyticsRows) -> Self {
        let mut sums = Self::default();
        for row in rows.windows.iter() {
            for (name, count) in counts(row) {
                let key = (row.size_micros, row.window_start, name.to_owned());
                plus(&mut sums.counts, key, count);
            }
        }
        for row in rows.revenue.iter() {
            for (name, minor) in [
                ("ordered", row.ordered_minor),
                ("captured", row.captured_minor),
                ("refunded", row.refunded_minor),
            ] {
                let key = (
                    row.size_micros,
                    row.window_start,
                    row.currency.clone(),
                    name.to_owned(),
                );
                plus(&mut sums.money, key, minor);
            }
        }
        for row in rows.items.iter() {
            for (name, amount) in [
                ("ordered_units", row.ordered_units),
                ("ordered_minor", row.ordered_minor),
                ("captured_units", row.captured_units),
                ("captured_minor", row.captured_minor),
                ("refunded_units", row.refunded_units),
                ("refunded_minor", row.refunded_minor),
            ] {
                let key = (
                    row.window_start,
                    row.item_id,
                    row.currency.clone(),
                    name.to_owned(),
                );
                plus(&mut sums.items, key, amount);
            }
        }
        for row in rows.pairs.iter() {
            let key = (row.window_start, row.low_item_id, row.high_item_id);
            plus(&mut sums.pairs, key, row.baskets);
        }
        let mut customers: BTreeMap<i64, Sketch> = BTreeMap::new();
        for row in rows.customers.iter() {
            let sketch = Sketch::from_bytes(row.registers.clone()).expect("registers");
            customers
                .entry(row.window_start)
                .or_default()
                .merge(&sketch);
        }
        sums.customers = (customers.into_iter())
            .map(|(start, sketch)| (start, sketch.into_bytes()))
            .collect();
        sums
    }
}

fn counts(row: &analytics::rows::WindowRow) -> [(&'static str, i64); 21] {
    [
        ("purchases", row.purchases),
        ("units", row.units),
        ("authorised", row.authorised),
        ("declined", row.declined),
        ("stock_rejected", row.stock_rejected),
        ("reservations_expired", row.reservations_expired),
        ("cancellation_requests", row.cancellation_requests),
        ("cancelled", row.cancelled),
        ("at_risk", row.at_risk),
        ("handed_over", row.handed_over),
        ("captured", row.captured),
        ("capture_failed", row.capture_failed),
        ("refunded", row.refunded),
        ("stock_received", row.stock_received),
        ("stock_adjusted", row.stock_adjusted),
        ("of_purchases_authorised", row.of_purchases_authorised),
        ("of_purchases_declined", row.of_purchases_declined),
        ("of_purchases_out_of_stock", row.of_purchases_out_of_stock),
        ("of_purchases_cancelled", row.of_purchases_cancelled),
        ("of_purchases_captured", row.of_purchases_captured),
        ("late", row.late),
    ]
}
