//! Nothing left unexplained: every purchase has come to an end, is younger than the grace, or stands
//! still where a group has set something aside, in that group or in one that waits for its word.

use super::{Around, answers, provider, standstill};
use crate::{
    Group,
    case::{Case, Open, Place, Standstill},
    report::{Promise, Report},
    shard::{Shard, Standing},
};

/// Finds out what is still under way, and who is excused.
pub(crate) fn place(purchase_id: &str, case: &mut Case, shard: &Shard, around: &Around<'_>) {
    let purchase = case.bought.iter().map(|bought| bought.at);
    let requests = case.requests.iter().map(|request| request.at);
    let facts = case.facts.iter().map(|fact| fact.at);
    let contradictions: Vec<Place> = case.contradictions.iter().map(|one| one.at).collect();
    let places: Vec<Place> = purchase.chain(requests).chain(facts).collect();
    for at in places {
        place_record(case, at, true, shard, around);
    }
    for at in contradictions {
        place_record(case, at, false, shard, around);
    }
    place_young(case, shard, around);
    for letter in &case.answers_set_aside {
        if answers::excuses(purchase_id, case, letter, around) {
            case.excused.insert(letter.group, letter.reason.clone());
        }
    }
    let unpublished: Vec<Open> = (case.published.iter())
        .filter(|event| !event.acknowledged)
        .filter(|event| !(case.facts.iter()).any(|fact| fact.event_id == event.event_id))
        .map(|event| Open {
            group: event.group,
            what: format!("{} has not published {}", event.group, event.event_id),
            since: event.written_at,
        })
        .collect();
    case.open.extend(unpublished);
    case.unfinished = standstill::of(case);
    case.has_gaps = !around.kept.tells_all_of(case);
}

/// What a group stated since its snapshot is not in what it keeps. What came from outside since then
/// needs no word here: a group has it in its snapshot, or has not read it.
fn place_young(case: &mut Case, shard: &Shard, around: &Around<'_>) {
    for fact in &mut case.facts {
        let at = fact.at;
        fact.is_young = at.offset >= around.layout.of(at.topic, shard.number).noted_end;
        if let (true, Some(group)) = (fact.is_young, Group::stating_on(at.topic)) {
            case.open.push(Open {
                group,
                what: format!("{}@{} came while the audit looked", at.topic, at.offset),
                since: at.recorded_at,
            });
        }
    }
}

/// Where one record stands in every group that reads it. Only one that `counts` excuses: a
/// contradiction is set aside for good.
fn place_record(case: &mut Case, at: Place, counts: bool, shard: &Shard, around: &Around<'_>) {
    for group in Group::ALL.into_iter().filter(|group| group.reads(at.topic)) {
        match shard.standing(group, at, around.books) {
            // Who has not read a contradiction yet will set it aside: only the timeline shows it.
            Standing::Unread if !counts && group != Group::Timeline => {}
            Standing::Unread => {
                let what = format!(
                    "{group} has not read {}[{}]@{}",
                    at.topic, shard.number, at.offset
                );
                case.open(group, at.recorded_at, what);
                if !case.unread.contains(&group) {
                    case.unread.push(group);
                }
            }
            Standing::SetAside(reason) if counts => {
                case.excused.entry(group).or_insert(reason);
            }
            Standing::Parked if counts => {
                let parked = || "parked".to_owned();
                case.excused.entry(group).or_insert_with(parked);
            }
            Standing::SetAside(_) | Standing::Parked | Standing::Read => {}
        }
    }
}

/// Names what should have come to an end.
pub(crate) fn check(purchase_id: &str, case: &Case, around: &Around<'_>, report: &mut Report) {
    if case.bought.is_some() || !case.requests.is_empty() || !case.facts.is_empty() {
        report.count(Promise::Finished, "purchases", 1);
    }
    let unexcused = (case.unfinished.iter()).find(|still| excuse(case, still).is_none());
    let stands = unexcused.or(case.unfinished.first());
    let oldest = case.open.iter().min_by_key(|open| open.since);
    let why = match (oldest, stands) {
        (Some(open), Some(still)) => format!("{}; {}", still.stands, open.what),
        (Some(open), None) => open.what.clone(),
        (None, Some(still)) => match excuse(case, still) {
            Some((group, reason)) => {
                let what = format!("ended by what {group} set aside ({reason})");
                report.count(Promise::Finished, what, 1);
                // The money is not ended by that.
                if let Some((since, what)) = provider::unknown(case).into_iter().min() {
                    report.unexplained.purchase(purchase_id, since, &what);
                }
                return;
            }
            None => still.stands.clone(),
        },
        (None, None) => {
            report.count(Promise::Finished, "at an end", 1);
            return;
        }
    };
    let begun = unexcused.map(|_| case.begun());
    let since = oldest.map(|open| open.since).into_iter().chain(begun);
    let since = since.filter(|at| *at > 0).min().unwrap_or(case.begun());
    report.unexplained.purchase(purchase_id, since, &why);
    let age = around.now.saturating_sub(since);
    if age > around.grace_micros {
        report.overdue(
            Promise::Finished,
            purchase_id,
            format!("left unexplained: {why}"),
        );
    } else {
        report.count(Promise::Finished, "open, younger than the grace", 1);
    }
}

/// The group that set something aside, because of which another, or itself, stands still.
fn excuse<'a>(case: &'a Case, still: &Standstill) -> Option<(Group, &'a str)> {
    let mut groups = std::iter::once(still.group).chain(still.waits_for.iter().copied());
    groups.find_map(|group| Some((group, case.excused.get(&group)?.as_str())))
}
