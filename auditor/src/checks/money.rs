//! Money: the row, the facts and the ledger of a purchase all say what the purchase itself says.

use super::ledger;
use crate::{
    Group,
    case::{Bought, Case, Stated},
    report::{Promise, Report},
    totals::Totals,
    witness::PaymentRow,
};

const P: Promise = Promise::Money;

pub(crate) fn check(purchase_id: &str, case: &Case, totals: &mut Totals, report: &mut Report) {
    totals.post(&case.postings);
    if case.bought.is_none() && case.has_gaps {
        // What it was over is gone; a row that is too young for that is named as invented.
        return;
    }
    let (Some(bought), Some(row)) = (case.bought_by(Group::Payment), &case.payment) else {
        let nothing = case.postings.is_empty() && case.ledger_entries.is_empty();
        report.require(nothing, P, purchase_id, || {
            "postings of what payment does not know".to_owned()
        });
        return;
    };
    if row.hash.as_deref() == Some(&bought.hash) {
        report.count(P, "payments", 1);
        amounts_of_row(purchase_id, bought, row, report);
        ledger::check(purchase_id, case, row, report);
    } else if row.hash.is_none() {
        let nothing = case.postings.is_empty();
        report.require(nothing, P, purchase_id, || {
            "postings before the purchase".to_owned()
        });
    }
    if !case.excused.contains_key(&Group::Payment) {
        amounts_of_facts(purchase_id, case, bought, report);
    }
    if case.is_at_rest_in(Group::Payment) && !case.has_gaps {
        row_against_facts(purchase_id, case, row, report);
        terms_of_facts(purchase_id, case, row, report);
        ledger::against_facts(purchase_id, case, report);
    }
}

fn amounts_of_row(purchase_id: &str, bought: &Bought, row: &PaymentRow, report: &mut Report) {
    for (what, has, owes) in [
        ("amount", row.amount_minor, bought.total_minor),
        ("card part", row.card_minor, bought.card_minor),
        ("tax", row.tax_minor, bought.tax_minor),
        ("shipping", row.shipping_minor, bought.shipping_minor),
    ] {
        report.require(has == owes, P, purchase_id, || {
            format!("{what} of {has} in payments, the purchase says {owes}")
        });
    }
    let same = row.currency.as_deref() == Some(&bought.currency);
    report.require(same, P, purchase_id, || {
        format!(
            "in {:?}, the purchase is in {}",
            row.currency, bought.currency
        )
    });
}

fn amounts_of_facts(purchase_id: &str, case: &Case, bought: &Bought, report: &mut Report) {
    for fact in &case.facts {
        let Some((amount, currency)) = &fact.money else {
            continue;
        };
        let same = *amount == bought.total_minor && *currency == bought.currency;
        report.require(same, P, purchase_id, || {
            format!(
                "{} over {amount} {currency}, the purchase says {} {}",
                fact.kind, bought.total_minor, bought.currency
            )
        });
    }
    if case.has_gaps {
        return;
    }
    let amount = |kind| {
        case.fact(kind)
            .and_then(|fact: &Stated| fact.money.as_ref())
    };
    for (later, earlier) in [
        ("PaymentCaptured", "PaymentAuthorised"),
        ("PaymentRefunded", "PaymentCaptured"),
    ] {
        let Some((taken, _)) = amount(later) else {
            continue;
        };
        let covered = amount(earlier).is_some_and(|(held, _)| taken <= held);
        report.require(covered, P, purchase_id, || {
            format!("{later} over {taken}, which no {earlier} covers")
        });
    }
}

/// What the row says happened, and what was stated.
fn row_against_facts(purchase_id: &str, case: &Case, row: &PaymentRow, report: &mut Report) {
    let state = row.state.as_str();
    for (kind, happened) in [
        ("PaymentAuthorised", row.was_authorised()),
        ("PaymentCaptured", row.was_captured()),
        ("PaymentDeclined", state == "declined"),
        ("PaymentVoided", state == "voided"),
        ("PaymentRefunded", state == "refunded"),
        ("CaptureFailed", row.was_gone_unpaid()),
    ] {
        let stated = case.fact(kind).is_some();
        // What was declined or voided may end as not captured, when goods left all the same.
        let superseded = stated && row.was_gone_unpaid();
        report.require(stated == happened || superseded, P, purchase_id, || {
            let (has, topic) = if happened {
                ("has it", "lost")
            } else {
                ("has not", "invented")
            };
            format!("{topic}: {kind}: payments {has}, and the topic says otherwise")
        });
    }
}

/// Times, references and reasons of the row, and of what was stated.
fn terms_of_facts(purchase_id: &str, case: &Case, row: &PaymentRow, report: &mut Report) {
    let mut require = |holds: bool, kind: &str| {
        report.require(holds, P, purchase_id, || {
            format!("altered: payments has other terms than its {kind}")
        });
    };
    if let Some(fact) = case.fact("PaymentAuthorised") {
        let same = row.provider_ref.as_deref() == Some(&fact.reference);
        require(
            same && row.authorised_at == Some(fact.occurred_at),
            fact.kind,
        );
    }
    if let Some(fact) = case.fact("PaymentCaptured") {
        let same = row.provider_ref.as_deref() == Some(&fact.reference);
        require(same && row.captured_at == Some(fact.occurred_at), fact.kind);
    }
    let ended_by = match row.state.as_str() {
        "declined" => "PaymentDeclined",
        "voided" => "PaymentVoided",
        "refunded" => "PaymentRefunded",
        "capture_failed" | "credited" => "CaptureFailed",
        _ => return,
    };
    if let Some(fact) = case.fact(ended_by) {
        let refunded =
            ended_by != "PaymentRefunded" || row.refund_ref.as_deref() == Some(&fact.reference);
        let same = row.reason.as_deref() == Some(&fact.reason);
        require(
            same && refunded && row.ended_at == Some(fact.occurred_at),
            fact.kind,
        );
    }
}
