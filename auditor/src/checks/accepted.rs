//! Accepted is kept: every purchase on the topic is in every group, and everything that was
//! acknowledged to whoever published it is on the topic.

use super::Around;
use crate::{
    Group,
    case::{Bought, Case, Place},
    report::{Promise, Report},
    shard::{Shard, Standing},
    witness::IntentRow,
};

const P: Promise = Promise::AcceptedIsKept;

pub(crate) fn check(
    purchase_id: &str,
    case: &Case,
    shard: &Shard,
    around: &Around<'_>,
    report: &mut Report,
) {
    if let Some(bought) = &case.bought {
        report.count(P, "purchases on the topic", 1);
        for group in Group::ALL {
            let bought = case.bought_by(group).unwrap_or(bought);
            in_group(purchase_id, case, bought, group, shard, around, report);
        }
    }
    for contradiction in &case.contradictions {
        report.count(P, "contradicting records", 1);
        for group in Group::ALL
            .into_iter()
            .filter(|group| *group != Group::Timeline)
        {
            let standing = shard.standing(group, contradiction.at, around.books);
            let is_acted_on = (case.bought_by(group)).is_some_and(|one| one.at == contradiction.at);
            if standing == Standing::Read
                && !is_acted_on
                && !shard.was_set_aside(group, contradiction.at)
                && !case.excused.contains_key(&group)
            {
                let at = contradiction.at;
                let what = format!(
                    "{}@{} contradicts the first record, and {group} did not set it aside",
                    at.topic, at.offset
                );
                report.breach(P, purchase_id, what);
            }
        }
    }
    if around.has_intents {
        intents(purchase_id, case, shard, around, report);
    }
}

fn in_group(
    purchase_id: &str,
    case: &Case,
    bought: &Bought,
    group: Group,
    shard: &Shard,
    around: &Around<'_>,
    report: &mut Report,
) {
    match shard.standing(group, bought.at, around.books) {
        Standing::Unread => report.count(P, format!("not read yet by {group}"), 1),
        Standing::SetAside(reason) => {
            report.count(P, format!("set aside by {group}: {reason}"), 1);
        }
        Standing::Parked => report.count(P, format!("parked by {group}"), 1),
        Standing::Read => match kept(case, group) {
            Some(hash) if hash == bought.hash => report.count(P, format!("kept by {group}"), 1),
            Some(_) => report.breach(
                P,
                purchase_id,
                format!("{group} has another content than the first record on the topic"),
            ),
            None => report.breach(
                P,
                purchase_id,
                format!("lost: {group} has read it and knows nothing of it"),
            ),
        },
    }
}

/// The content of the purchase that a group keeps.
pub(super) fn kept(case: &Case, group: Group) -> Option<&str> {
    match group {
        Group::Payment => case.payment.as_ref()?.hash.as_deref(),
        Group::Inventory => case.reservation.as_ref()?.1.as_deref(),
        Group::Dispatch => case.dispatch.as_ref()?.hash.as_deref(),
        Group::Analytics => case.counted.as_ref()?.0.as_deref(),
        Group::Timeline => case.timeline.as_ref()?.hash.as_deref(),
    }
}

fn intents(
    purchase_id: &str,
    case: &Case,
    shard: &Shard,
    around: &Around<'_>,
    report: &mut Report,
) {
    let stands = |row: &IntentRow| match row.what.as_str() {
        "cancellation" => case.requests.iter().any(|one| one.event_id == row.event_id),
        _ => content_stands(case, row.hash.as_deref()),
    };
    for row in &case.intents {
        report.count(P, format!("intents {}", row.outcome), 1);
        let acknowledged = matches!(row.outcome.as_str(), "stored" | "spooled" | "accepted");
        if acknowledged && !stands(row) && around.kept.may_have_lost_the_purchase_of(case) {
            report.unproven("intents of purchases that are gone from their topic", 1);
        } else if acknowledged && !stands(row) {
            lost(purchase_id, case, row, around, report);
        }
        let only_refused = (case.intents.iter())
            .filter(|other| other.hash == row.hash && other.event_id == row.event_id)
            .all(|other| other.outcome == "refused");
        if only_refused && row.what == "purchase" && stands(row) {
            report.breach(
                P,
                purchase_id,
                "it was refused and is on the topic all the same",
            );
        }
    }
    let intended = |hash: &str| {
        let mut purchases = case.intents.iter().filter(|row| row.what == "purchase");
        purchases.any(|row| row.hash.as_deref() == Some(hash))
    };
    let first = case.bought.iter().map(|bought| (bought.at, &bought.hash));
    let later = case.contradictions.iter().map(|one| (one.at, &one.hash));
    // The journal was read before the topics: a younger record may be of an intent that is too.
    let is_old = |at: Place| at.offset < around.layout.of(at.topic, shard.number).noted_end;
    for (_, hash) in first.chain(later).filter(|(at, _)| is_old(*at)) {
        report.require(
            intended(hash),
            Promise::NothingInvented,
            purchase_id,
            || "on the topic, and nobody intended it".to_owned(),
        );
    }
}

/// Something that was acknowledged and is not on the topic. What Kafka has acknowledged must be there.
/// What lies in a spool, the publisher's own or the storefront's, comes when the broker takes it: until
/// the grace has passed it is under way.
fn lost(purchase_id: &str, case: &Case, row: &IntentRow, around: &Around<'_>, report: &mut Report) {
    let (what, outcome) = (&row.what, &row.outcome);
    let lost = format!("lost: {what} was {outcome} and is not on the topic");
    if outcome == "stored" {
        report.breach(P, purchase_id, lost);
        return;
    }
    // A purchase that has not come to an end otherwise has an age of its own.
    if case.open.is_empty() && case.unfinished.is_empty() {
        let waits = format!("a {what} that was {outcome} is not on its topic yet");
        report.unexplained.purchase(purchase_id, row.at, &waits);
    }
    if around.now.saturating_sub(row.at) > around.grace_micros {
        report.overdue(P, purchase_id, lost);
    }
}

fn content_stands(case: &Case, hash: Option<&str>) -> bool {
    let first = case.bought.iter().map(|bought| bought.hash.as_str());
    let later = case.contradictions.iter().map(|one| one.hash.as_str());
    first.chain(later).any(|known| Some(known) == hash)
}

#[cfg(test)]
mod tests {
    use super::{super::tests as given, *};

    fn judged(outcome: &str, at: i64, grace_micros: i64) -> Report {
        let row = IntentRow {
            what: "purchase".to_owned(),
            event_id: "e".to_owned(),
            hash: Some("hash".to_owned()),
            outcome: outcome.to_owned(),
            at,
        };
        let mut report = Report::default();
        given::around(|around| {
            let around = Around {
                grace_micros,
                kept: around.kept.clone(),
                ..*around
            };
            lost("p", &Case::default(), &row, &around, &mut report);
        });
        report
    }

    #[test]
    fn what_lies_in_a_spool_is_under_way_until_the_grace_has_passed() {
        let young = judged("accepted", 999_000, 2_000);
        assert!(young.is_clean());
        let oldest = young.unexplained.oldest.unwrap();
        assert_eq!((oldest.subject.as_str(), oldest.since), ("p", 999_000));
        let old = judged("spooled", 990_000, 2_000);
        assert_eq!((old.breaches(), old.overdue), (1, 1), "it may still come");
        let stored = judged("stored", 999_999, 2_000);
        assert_eq!((stored.breaches(), stored.overdue), (1, 0));
    }
}
