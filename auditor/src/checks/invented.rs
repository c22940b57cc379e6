//! Nothing invented: every fact stands in the journal of the group that stated it and has a cause
//! that exists; every event of a journal is on its topic; no row is about nothing.

use super::Around;
use crate::{
    Group,
    case::{Case, Stated},
    report::{Promise, Report},
};

const P: Promise = Promise::NothingInvented;

/// What dispatch may state of a purchase that never came: somebody had asked to cancel it.
const WITHOUT_PURCHASE: [&str; 2] = ["PurchaseCancelled", "DispatchAtRisk"];

pub(crate) fn check(purchase_id: &str, case: &Case, around: &Around<'_>, report: &mut Report) {
    if case.bought.is_none() && around.kept.may_have_lost_the_purchase_of(case) {
        report.unproven("purchases that are gone from their topic", 1);
    } else {
        rows(purchase_id, case, report);
        for fact in case.old_facts() {
            purchase_of(purchase_id, case, fact, report);
        }
    }
    for fact in case.old_facts().filter(|_| !case.has_gaps) {
        cause_of(purchase_id, case, fact, report);
    }
    for fact in &case.facts {
        report.count(P, "facts on the topics", 1);
        if !fact.is_young {
            origin_of(purchase_id, case, fact, around, report);
        }
    }
    for event in &case.published {
        report.count(P, format!("events in the journal of {}", event.group), 1);
        let stands = (case.facts.iter()).any(|fact| fact.event_id == event.event_id);
        if stands || !event.acknowledged {
            continue;
        }
        if !around.kept.must_hold(&event.topic, event.written_at) {
            report.unproven("published events that are gone from their topics", 1);
            continue;
        }
        let what = format!(
            "lost: {} has published {} and {} does not hold it",
            event.group, event.event_id, event.topic
        );
        report.breach(Promise::AcceptedIsKept, purchase_id, what);
    }
}

/// Rows about a purchase of which nothing stands on any topic.
fn rows(purchase_id: &str, case: &Case, report: &mut Report) {
    let heard_of = case.bought.is_some() || !case.requests.is_empty() || !case.facts.is_empty();
    if heard_of {
        let unbought = case.bought.is_none() && !case.provider.is_empty();
        report.require(!unbought, P, purchase_id, || {
            "the provider was asked about it, and nobody bought it".to_owned()
        });
        return;
    }
    let present = [
        (
            "payment",
            case.payment.is_some() || !case.postings.is_empty(),
        ),
        (
            "inventory",
            case.reservation.is_some() || !case.movements.is_empty(),
        ),
        ("dispatch", case.dispatch.is_some()),
        ("analytics", case.counted.is_some()),
        (
            "the timeline",
            case.timeline.is_some() || !case.timeline_entries.is_empty(),
        ),
        ("the provider", !case.provider.is_empty()),
    ];
    for (whose, _) in present.into_iter().filter(|(_, present)| *present) {
        let what = format!("{whose} knows it, and no topic does");
        report.breach(P, purchase_id, what);
    }
}

fn purchase_of(purchase_id: &str, case: &Case, fact: &Stated, report: &mut Report) {
    let may = case.bought.is_some() || WITHOUT_PURCHASE.contains(&fact.kind);
    report.require(may, P, purchase_id, || {
        format!(
            "invented: {} {} of what nobody bought",
            fact.kind, fact.event_id
        )
    });
}

fn cause_of(purchase_id: &str, case: &Case, fact: &Stated, report: &mut Report) {
    let cause = &fact.cause;
    let exists = case.purchase_events.contains(cause)
        || case
            .requests
            .iter()
            .any(|request| request.event_id == *cause)
        || case.facts.iter().any(|other| other.event_id == *cause);
    report.require(exists, P, purchase_id, || {
        format!(
            "invented: {} {} has a cause that nowhere stands: {cause:?}",
            fact.kind, fact.event_id
        )
    });
}

/// The event in the journal of the group that alone states such facts.
fn origin_of(
    purchase_id: &str,
    case: &Case,
    fact: &Stated,
    around: &Around<'_>,
    report: &mut Report,
) {
    let Some(group) = Group::stating_on(fact.at.topic) else {
        let what = format!("invented: {} on {}", fact.kind, fact.at.topic);
        report.breach(P, purchase_id, what);
        return;
    };
    let written = (case.published.iter())
        .find(|event| event.group == group && event.event_id == fact.event_id);
    match written {
        Some(event) if event.content == fact.content => {}
        Some(_) => report.breach(
            P,
            purchase_id,
            format!(
                "altered: {} {} is not what {group} wrote",
                fact.kind, fact.event_id
            ),
        ),
        None if around.now.saturating_sub(fact.at.recorded_at) > around.retention_micros => {
            report.count(P, "facts older than the journals", 1);
        }
        None => report.breach(
            P,
            purchase_id,
            format!(
                "invented: {} {} is not in the journal of {group}",
                fact.kind, fact.event_id
            ),
        ),
    }
}
