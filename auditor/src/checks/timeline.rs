//! The timeline: every fact of every purchase is an entry of it, with its coordinates, and the
//! status is what the facts add up to.

use std::collections::BTreeMap;

use super::{Around, is_read};
use crate::{
    Group,
    case::{Case, FIRM, Place},
    report::{Promise, Report},
    shard::Shard,
    topics,
    witness::TimelineEntryRow,
};

const P: Promise = Promise::Timeline;

/// The kind of an entry that contradicts the purchase.
const CONFLICT: &str = "conflicting_duplicate";

/// Of requests and of contradictions, the timeline shows so many.
const REPEATED_MAX: usize = 100;

pub(crate) fn check(
    purchase_id: &str,
    case: &Case,
    shard: &Shard,
    around: &Around<'_>,
    report: &mut Report,
) {
    let purchase = (case.bought.iter().zip(&case.purchase_events))
        .map(|(bought, event_id)| (event_id.as_str(), bought.at));
    let requests = (case.requests.iter().take(REPEATED_MAX))
        .map(|request| (request.event_id.as_str(), request.at));
    let facts = (case.facts.iter()).map(|fact| (fact.event_id.as_str(), fact.at));
    let expected: BTreeMap<&str, Place> = purchase.chain(requests).chain(facts).collect();
    let is_read = |at: Place| is_read(shard, Group::Timeline, at, around);
    for (event_id, at) in expected.iter().filter(|(_, at)| is_read(**at)) {
        report.count(P, "facts read", 1);
        let there = has_entry(case, *at, |entry| entry.event_id == *event_id);
        report.require(there, P, purchase_id, || {
            format!("lost: {event_id} at {}@{} is no entry", at.topic, at.offset)
        });
    }
    let conflicts = case.contradictions.iter().take(REPEATED_MAX);
    for at in conflicts.map(|one| one.at).filter(|at| is_read(*at)) {
        let there = has_entry(case, at, |entry| entry.kind == CONFLICT);
        report.require(there, P, purchase_id, || {
            format!(
                "lost: the contradiction at {}@{} is no entry",
                at.topic, at.offset
            )
        });
    }
    let is_trimmed = |topic| around.layout.is_trimmed(topic, shard.number);
    if !topics::ALL.into_iter().any(is_trimmed) {
        invented(purchase_id, case, &expected, shard.number, report);
        shown(purchase_id, case, report);
    }
}

fn has_entry(case: &Case, at: Place, is_it: impl Fn(&TimelineEntryRow) -> bool) -> bool {
    let mut entries = case.timeline_entries.iter();
    entries.any(|entry| entry.topic == at.topic && entry.offset == at.offset && is_it(entry))
}

/// Entries of what stands on no topic.
fn invented(
    purchase_id: &str,
    case: &Case,
    expected: &BTreeMap<&str, Place>,
    shard: i32,
    report: &mut Report,
) {
    for entry in case
        .timeline_entries
        .iter()
        .filter(|entry| entry.kind != CONFLICT)
    {
        report.count(P, "entries", 1);
        let requested = case
            .requests
            .iter()
            .any(|one| one.event_id == entry.event_id);
        let known = expected.contains_key(entry.event_id.as_str()) || requested;
        report.require(known && entry.partition == shard, P, purchase_id, || {
            format!(
                "invented: an entry {} {} that no topic holds",
                entry.kind, entry.event_id
            )
        });
    }
}

/// What a customer sees, once everything is read.
fn shown(purchase_id: &str, case: &Case, report: &mut Report) {
    let Some(row) = &case.timeline else {
        return;
    };
    if !case.was_read_by(Group::Timeline) || !case.open.is_empty() {
        return;
    }
    let status = status(case);
    report.require(row.status == status, P, purchase_id, || {
        format!("shown as {}, its facts say {status}", row.status)
    });
    if let Some(bought) = &case.bought {
        let same = row.total_minor == Some(bought.total_minor)
            && row.currency.as_deref() == Some(&bought.currency);
        report.require(same, P, purchase_id, || {
            format!(
                "shown with a total of {:?} {:?}",
                row.total_minor, row.currency
            )
        });
    }
}

/// What a customer is told, by the furthest that has happened.
fn status(case: &Case) -> &'static str {
    let has = |kind| case.fact(kind).is_some();
    let paid = has("PaymentAuthorised");
    let reserved = has("StockReserved") || has(FIRM);
    let furthest_first = [
        ("refunded", has("PaymentRefunded")),
        ("cancelled", has("PurchaseCancelled")),
        ("completed", has("PaymentCaptured")),
        ("payment_overdue", has("CaptureFailed")),
        ("handed_over", has("ShipmentHandedOver")),
        ("shipping_requested", has("ShipmentRequested")),
        ("ready", paid && reserved),
        ("out_of_stock", has("StockRejected")),
        ("declined", has("PaymentDeclined")),
        ("paid", paid),
        ("reserved", reserved),
    ];
    let reached = furthest_first.into_iter().find(|(_, reached)| *reached);
    reached.map_or("accepted", |(status, _)| status)
}
