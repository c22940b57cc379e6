//! Money: the row, the facts and the ledger of a purchase all say what the purchase itself says.

use std::collections::BTreeMap;

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
    let (Some(bought), Some(row)) = (&case.bought, &case.payment) else {
        let nothing = case.postings.is_empty() && case.ledger_entries.is_empty();
        report.require(nothing, P, purchase_id, || {
            "postings of what payment does not know".to_owned()
        });
        return;
    };
    if row.hash.as_deref() == Some(&bought.hash) {
        report.count(P, "payments", 1);
        amounts_of_row(purchase_id, bought, row, report);
        ledger(purchase_id, case, row, report);
    } else if row.hash.is_none() {
        let nothing = case.postings.is_empty();
        report.require(nothing, P, purchase_id, || {
            "postings before the purchase".to_owned()
        });
    }
    if !case.excused.contains_key(&Group::Payment) {
        amounts_of_facts(purchase_id, case, bought, report);
    }
    if case.is_settled() && case.was_read_by(Group::Payment) {
        row_against_facts(purchase_id, case, row, report);
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
        ("PaymentAuthorised", row.authorised),
        ("PaymentCaptured", row.captured),
        ("PaymentDeclined", state == "declined"),
        ("PaymentVoided", state == "voided"),
        ("PaymentRefunded", state == "refunded"),
        ("CaptureFailed", state == "capture_failed"),
    ] {
        let stated = case.fact(kind).is_some();
        // What was declined or voided may end as not captured, when goods left all the same.
        let superseded = stated && state == "capture_failed";
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

/// What must stand on each account, by where the payment stands; debits are positive.
fn balances(row: &PaymentRow) -> BTreeMap<&'static str, i64> {
    let all = row.amount_minor;
    let earned = [
        ("revenue", -(all - row.tax_minor - row.shipping_minor)),
        ("tax_payable", -row.tax_minor),
        ("shipping_income", -row.shipping_minor),
    ];
    let mut accounts: BTreeMap<&'static str, i64> = match row.state.as_str() {
        "authorised" | "voiding" | "capturing" => {
            [("auth_receivable", all), ("auth_liability", -all)].into()
        }
        "captured" | "refunding" => {
            let paid = [
                ("psp_receivable", row.card_minor),
                ("gift_card_liability", all - row.card_minor),
            ];
            earned.into_iter().chain(paid).collect()
        }
        "capture_failed" => {
            let owed = [("customer_receivable", all)];
            earned.into_iter().chain(owed).collect()
        }
        _ => BTreeMap::new(),
    };
    accounts.retain(|_, balance| *balance != 0);
    accounts
}

/// The entries that must have been made, by where the payment stands.
fn entries(row: &PaymentRow) -> Vec<&'static str> {
    let mut entries = Vec::new();
    if row.authorised {
        entries.push("authorised");
    }
    if row.captured {
        entries.extend(["captured", "recognised"]);
    }
    match row.state.as_str() {
        "voided" if row.authorised => entries.push("voided"),
        "refunded" => entries.push("refunded"),
        "capture_failed" => entries.push("capture_failed"),
        _ => {}
    }
    entries.sort_unstable();
    entries
}

fn ledger(purchase_id: &str, case: &Case, row: &PaymentRow, report: &mut Report) {
    let mut made: Vec<&str> = case.ledger_entries.iter().map(String::as_str).collect();
    made.sort_unstable();
    made.dedup();
    let wanted = entries(row);
    // A payment that was voided before goods left all the same keeps that entry.
    let same = made == wanted
        || (row.state == "capture_failed"
            && made
                .iter()
                .filter(|kind| **kind != "voided")
                .eq(wanted.iter()));
    report.require(same, P, purchase_id, || {
        format!(
            "the ledger has entries {made:?}, a payment that is {} has {wanted:?}",
            row.state
        )
    });
    let mut stands: BTreeMap<&str, i64> = BTreeMap::new();
    for posting in &case.postings {
        *stands.entry(&posting.debit).or_default() += posting.amount_minor;
        *stands.entry(&posting.credit).or_default() -= posting.amount_minor;
        let same = row.currency.as_deref() == Some(&posting.currency);
        report.require(same, P, purchase_id, || {
            format!(
                "a posting in {} of a payment in {:?}",
                posting.currency, row.currency
            )
        });
    }
    stands.retain(|_, balance| *balance != 0);
    let wanted = balances(row);
    report.require(stands == wanted, P, purchase_id, || {
        format!(
            "the ledger says {stands:?}, a payment that is {} says {wanted:?}",
            row.state
        )
    });
}
