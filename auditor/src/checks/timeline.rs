//! The timeline: every fact of every purchase is an entry of it, with its coordinates and its words,
//! and what a customer sees is what the facts add up to.

use std::collections::BTreeMap;

use super::{Around, is_read, shown};
use crate::{
    Group,
    case::{Bought, Case, Place},
    report::{Promise, Report},
    said::CONFLICT,
    shard::Shard,
    witness::TimelineEntryRow,
};

const P: Promise = Promise::Timeline;

pub(crate) fn check(
    purchase_id: &str,
    case: &Case,
    shard: &Shard,
    around: &Around<'_>,
    report: &mut Report,
) {
    let expected = expected(case);
    let is_read = |at: Place| is_read(shard, Group::Timeline, at, around);
    for (event_id, (at, says)) in expected.iter().filter(|(_, (at, _))| is_read(*at)) {
        report.count(P, "facts read", 1);
        let entry = (case.timeline_entries.iter())
            .find(|entry| entry.event_id == *event_id && entry.kind != CONFLICT);
        // The first record of it may be gone, and this one a repetition.
        if entry.is_some_and(|entry| is_gone(entry, shard, around)) {
            continue;
        }
        let there = entry.is_some_and(|entry| stands_at(entry, *at));
        report.require(there, P, purchase_id, || {
            format!("lost: {event_id} at {}@{} is no entry", at.topic, at.offset)
        });
        let same = entry.is_none_or(|entry| entry.says == *says);
        report.require(same || !there, P, purchase_id, || {
            format!(
                "altered: the entry of {event_id} says otherwise than {}@{}",
                at.topic, at.offset
            )
        });
    }
    if case.acts_otherwise(Group::Timeline) {
        // What contradicts what is then told the other way round.
        report.unproven(
            "timelines that follow a record which contradicts the first",
            1,
        );
        return;
    }
    conflicts(purchase_id, case, is_read, report);
    invented(purchase_id, case, &expected, shard, around, report);
    if !case.has_gaps {
        row(purchase_id, case, report);
    }
}

/// Every event that should have an entry: where its first record stands, and what it says.
fn expected(case: &Case) -> BTreeMap<&str, (Place, u64)> {
    let purchase = (case.bought_by(Group::Timeline).into_iter())
        .map(|bought| (bought.event_id.as_str(), (bought.at, bought.says)));
    let requests = (case.requests.iter().take(shown::REPEATED_MAX))
        .map(|request| (request.event_id.as_str(), (request.at, request.says)));
    let facts = (case.facts.iter()).map(|fact| (fact.event_id.as_str(), (fact.at, fact.says)));
    purchase.chain(requests).chain(facts).collect()
}

/// Whether the entry of the purchase is this record.
pub(super) fn is_of(case: &Case, bought: &Bought) -> bool {
    let mut entries = case.timeline_entries.iter();
    entries.any(|entry| {
        let is_entry = entry.kind != CONFLICT && entry.event_id == bought.event_id;
        is_entry && stands_at(entry, bought.at)
    })
}

fn stands_at(entry: &TimelineEntryRow, at: Place) -> bool {
    entry.topic == at.topic && entry.offset == at.offset
}

/// Whether the record of an entry is gone from its topic.
fn is_gone(entry: &TimelineEntryRow, shard: &Shard, around: &Around<'_>) -> bool {
    let topic = crate::topics::ALL
        .into_iter()
        .find(|topic| *topic == entry.topic);
    topic.is_some_and(|topic| entry.offset < around.layout.of(topic, shard.number).first)
}

/// Records that contradict the purchase have entries of their own.
fn conflicts(purchase_id: &str, case: &Case, is_read: impl Fn(Place) -> bool, report: &mut Report) {
    let conflicts = case.contradictions.iter().take(shown::REPEATED_MAX);
    for one in conflicts.filter(|one| is_read(one.at)) {
        let at = one.at;
        let entry = (case.timeline_entries.iter())
            .find(|entry| entry.kind == CONFLICT && stands_at(entry, at));
        report.require(entry.is_some(), P, purchase_id, || {
            format!(
                "lost: the contradiction at {}@{} is no entry",
                at.topic, at.offset
            )
        });
        // What it says names the first content, which may be gone.
        let same = case.has_gaps || entry.is_none_or(|entry| entry.says == one.says);
        report.require(same, P, purchase_id, || {
            format!(
                "altered: the entry of the contradiction at {}@{}",
                at.topic, at.offset
            )
        });
    }
}

/// Entries of what stands on no topic.
fn invented(
    purchase_id: &str,
    case: &Case,
    expected: &BTreeMap<&str, (Place, u64)>,
    shard: &Shard,
    around: &Around<'_>,
    report: &mut Report,
) {
    for entry in &case.timeline_entries {
        report.count(P, "entries", 1);
        if is_gone(entry, shard, around) {
            report.unproven("entries of the timeline whose records are gone", 1);
            continue;
        }
        let known = if entry.kind == CONFLICT {
            case.contradictions
                .iter()
                .any(|one| stands_at(entry, one.at))
        } else {
            let mut requests = case.requests.iter();
            expected.contains_key(entry.event_id.as_str())
                || requests.any(|one| one.event_id == entry.event_id)
        };
        report.require(
            known && entry.partition == shard.number,
            P,
            purchase_id,
            || {
                format!(
                    "invented: an entry {} {} that no topic holds",
                    entry.kind, entry.event_id
                )
            },
        );
    }
}

/// What a customer sees, once everything is read.
fn row(purchase_id: &str, case: &Case, report: &mut Report) {
    let Some(row) = &case.timeline else {
        return;
    };
    if !case.is_at_rest_in(Group::Timeline) {
        return;
    }
    let status = shown::status_word(case);
    report.require(row.status == status, P, purchase_id, || {
        format!("shown as {}, its facts say {status}", row.status)
    });
    let differing = shown::differing(case, &row.columns);
    report.require(differing.is_empty(), P, purchase_id, || {
        format!("altered: shown otherwise than its facts say in {differing:?}")
    });
}
