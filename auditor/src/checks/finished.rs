//! Nothing left unexplained: every purchase has come to an end, is accounted for as a dead letter or
//! parked, or is younger than the grace.

use super::Around;
use crate::{
    Group,
    case::{Case, Place},
    report::{Promise, Report},
    shard::{Shard, Standing},
};

/// Finds out what is still under way, and who is excused.
pub(crate) fn place(case: &mut Case, shard: &Shard, around: &Around<'_>) {
    let purchase = case.bought.iter().map(|bought| bought.at);
    let requests = case.requests.iter().map(|request| request.at);
    let facts = case.facts.iter().map(|fact| fact.at);
    let contradictions: Vec<Place> = case.contradictions.iter().map(|one| one.at).collect();
    let places: Vec<Place> = purchase.chain(requests).chain(facts).collect();
    for (at, counts) in
        (places.iter().map(|at| (at, true))).chain(contradictions.iter().map(|at| (at, false)))
    {
        if at.offset >= around.layout.of(at.topic, shard.number).noted_end {
            case.open.push(format!(
                "{}@{} came while the audit looked",
                at.topic, at.offset
            ));
        }
        for group in Group::ALL.into_iter().filter(|group| group.reads(at.topic)) {
            match shard.standing(group, *at, around.books) {
                Standing::Unread => {
                    case.open.push(format!(
                        "{group} has not read {}[{}]@{}",
                        at.topic, shard.number, at.offset
                    ));
                    if !case.unread.contains(&group) {
                        case.unread.push(group);
                    }
                }
                Standing::SetAside(reason) if counts => {
                    case.excused.entry(group).or_insert(reason);
                }
                Standing::Parked if counts => {
                    case.excused
                        .entry(group)
                        .or_insert_with(|| "parked".to_owned());
                }
                Standing::SetAside(_) | Standing::Parked | Standing::Read => {}
            }
        }
    }
    for event in case.published.iter().filter(|event| !event.acknowledged) {
        if !case
            .facts
            .iter()
            .any(|fact| fact.event_id == event.event_id)
        {
            case.open.push(format!(
                "{} has not published {}",
                event.group, event.event_id
            ));
        }
    }
    case.unfinished = unfinished(case);
}

/// Where it stands, when that is no end.
fn unfinished(case: &Case) -> Option<String> {
    let dispatch = case.dispatch.as_ref().map(|row| row.state.as_str());
    if case.bought.is_none() {
        return (dispatch == Some("waiting")).then(|| {
            "dispatch waits for the purchase, of which only other events came".to_owned()
        });
    }
    let payment = case.payment.as_ref().map(|row| row.state.as_str());
    let stock = case.reservation.as_ref().map(|row| row.0.as_str());
    let (paid, gone): (&[&str], &[&str]) = match dispatch {
        Some("handed_over") => (&["captured", "capture_failed", "refunded"], &["committed"]),
        Some("cancelled") => (
            &["voided", "declined", "refunded"],
            &["released", "rejected"],
        ),
        other => {
            let stands = other.unwrap_or("unknown");
            return Some(format!("dispatch stands at {stands}"));
        }
    };
    if !payment.is_some_and(|state| paid.contains(&state)) {
        return Some(format!(
            "payment stands at {}",
            payment.unwrap_or("unknown")
        ));
    }
    if !stock.is_some_and(|state| gone.contains(&state)) {
        return Some(format!(
            "inventory stands at {}",
            stock.unwrap_or("unknown")
        ));
    }
    None
}

/// Names what should have come to an end.
pub(crate) fn check(purchase_id: &str, case: &Case, around: &Around<'_>, report: &mut Report) {
    if case.bought.is_some() || !case.requests.is_empty() || !case.facts.is_empty() {
        report.count(Promise::Finished, "purchases", 1);
    }
    let why = match (case.open.first(), &case.unfinished) {
        (Some(open), Some(stands)) => format!("{stands}; {open}"),
        (Some(open), None) => open.clone(),
        (None, Some(stands)) => {
            if let Some((group, reason)) = case.excused.iter().next() {
                let what = format!("ended by what {group} set aside ({reason})");
                report.count(Promise::Finished, what, 1);
                return;
            }
            stands.clone()
        }
        (None, None) => {
            report.count(Promise::Finished, "at an end", 1);
            return;
        }
    };
    let age = around.now.saturating_sub(case.since().unwrap_or_default());
    if age > around.grace_micros {
        report.breach(
            Promise::Finished,
            purchase_id,
            format!("left unexplained: {why}"),
        );
    } else {
        report.count(Promise::Finished, "open, younger than the grace", 1);
    }
}
