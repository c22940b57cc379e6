//! Once: of one purchase every statement is made at most once, on the topics and in the tables.

use std::collections::BTreeMap;

use crate::{
    case::Case,
    report::{Promise, Report},
};

const P: Promise = Promise::Once;

/// Statements that exclude each other.
const EITHER: [(&str, &str); 4] = [
    ("PaymentAuthorised", "PaymentDeclined"),
    ("PaymentCaptured", "PaymentVoided"),
    ("StockCommitted", "StockReleased"),
    SENT_AND_ENDED,
];

/// Only what was sent back may have both.
const SENT_AND_ENDED: (&str, &str) = ("ShipmentHandedOver", "PurchaseCancelled");

/// Statements that name a shipment.
const SHIPPING: [&str; 3] = ["ShipmentRequested", "ShipmentHandedOver", "StockCommitted"];

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    report.count(P, "records that said again what was known", case.repeats);
    let mut stated: BTreeMap<&str, usize> = BTreeMap::new();
    for fact in &case.facts {
        *stated.entry(fact.kind).or_default() += 1;
    }
    for (kind, times) in &stated {
        report.count(P, format!("{kind} on the topics"), 1);
        report.require(*times == 1, P, purchase_id, || {
            format!("doubled: {times} different {kind}")
        });
    }
    for (one, other) in EITHER {
        // What tells a return may be younger than dispatch's snapshot.
        let is_old = |kind| case.old_facts().any(|fact| fact.kind == kind);
        let is_return = (one, other) == SENT_AND_ENDED && case.is_return();
        let both = is_old(one) && is_old(other) && !is_return;
        report.require(!both, P, purchase_id, || format!("both {one} and {other}"));
    }
    for what in &case.altered {
        let what = format!("one event id, two contents: {what}");
        report.breach(P, purchase_id, what);
    }
    let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &case.ledger_entries {
        *entries.entry(&entry.kind).or_default() += 1;
    }
    for (kind, times) in entries {
        report.require(times == 1, P, purchase_id, || {
            format!("doubled: {times} ledger entries {kind}")
        });
    }
    let mut shipments: Vec<&str> = (case.facts.iter())
        .filter(|fact| SHIPPING.contains(&fact.kind) && !fact.reference.is_empty())
        .map(|fact| fact.reference.as_str())
        .collect();
    shipments.extend(
        case.dispatch
            .as_ref()
            .and_then(|row| row.shipment_id.as_deref()),
    );
    shipments.sort_unstable();
    shipments.dedup();
    report.require(shipments.len() <= 1, P, purchase_id, || {
        format!("doubled: {} shipments", shipments.len())
    });
    twice_at_the_provider(purchase_id, case, report);
}

/// By key and by kind: the provider, too, has done each thing once.
fn twice_at_the_provider(purchase_id: &str, case: &Case, report: &mut Report) {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &case.provider {
        *kinds.entry(&row.kind).or_default() += 1;
        if let Some(key) = &row.key {
            *keys.entry(key).or_default() += 1;
        }
    }
    for (kind, times) in kinds {
        report.require(times == 1, P, purchase_id, || {
            format!("doubled: {kind} {times} times by the provider's journal")
        });
    }
    for (key, times) in keys {
        report.require(times == 1, P, purchase_id, || {
            format!("doubled: idempotency key {key} took effect {times} times")
        });
    }
}
