//! The ledger of one purchase: which entries were made, and each of them in full.
//!
//! Every entry is compared by what it debits and credits on each account, and not by what is left
//! over: a transfer there and back leaves nothing over, and two that were never made neither.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    case::Case,
    report::{Promise, Report},
    witness::{LedgerEntryRow, PaymentRow, PostingRow},
};

const P: Promise = Promise::Money;

/// What an entry debits and credits, by account; minor units.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sides<'a> {
    debits: BTreeMap<&'a str, i128>,
    credits: BTreeMap<&'a str, i128>,
}

pub(crate) fn check(purchase_id: &str, case: &Case, row: &PaymentRow, report: &mut Report) {
    let made: BTreeSet<&str> = (case.ledger_entries.iter())
        .map(|entry| entry.kind.as_str())
        .collect();
    let mut wanted = entries(row);
    // A payment that was voided before goods left all the same keeps that entry.
    if row.was_gone_unpaid() && made.contains("voided") {
        wanted.insert("voided");
    }
    report.require(made == wanted, P, purchase_id, || {
        format!(
            "the ledger has entries {made:?}, a payment that is {} has {wanted:?}",
            row.state
        )
    });
    let holds = row.was_authorised() && !made.contains("voided");
    let mut posted: BTreeMap<&str, Vec<&PostingRow>> = BTreeMap::new();
    for posting in &case.postings {
        posted.entry(&posting.entry).or_default().push(posting);
        let same = row.currency.as_deref() == Some(&posting.currency);
        report.require(same, P, purchase_id, || {
            format!(
                "a posting in {} of a payment in {:?}",
                posting.currency, row.currency
            )
        });
    }
    let kinds: BTreeSet<&str> = made.iter().copied().chain(posted.keys().copied()).collect();
    for kind in kinds {
        let postings = posted.get(kind).map_or(&[][..], Vec::as_slice);
        entry(
            purchase_id,
            (kind, postings),
            sides(row, kind, holds),
            report,
        );
    }
}

/// One entry: what it says, and that none of its transfers is missing or there twice.
fn entry(
    purchase_id: &str,
    (kind, postings): (&str, &[&PostingRow]),
    wanted: Sides<'_>,
    report: &mut Report,
) {
    let mut made = Sides::default();
    for posting in postings {
        let amount = i128::from(posting.amount_minor);
        *made.debits.entry(&posting.debit).or_default() += amount;
        *made.credits.entry(&posting.credit).or_default() += amount;
    }
    report.require(made == wanted, P, purchase_id, || {
        format!("the ledger says {made:?} of {kind}, which is {wanted:?}")
    });
    let mut numbers: Vec<i64> = postings.iter().map(|posting| posting.number).collect();
    numbers.sort_unstable();
    let in_order = numbers.iter().copied().eq((1..).take(numbers.len()));
    report.require(in_order, P, purchase_id, || {
        format!("the transfers of {kind} are numbered {numbers:?}")
    });
}

/// The entries that must have been made, by where the payment stands.
fn entries(row: &PaymentRow) -> BTreeSet<&'static str> {
    let mut entries = BTreeSet::new();
    if row.was_authorised() {
        entries.insert("authorised");
    }
    if row.was_captured() {
        entries.extend(["captured", "recognised"]);
    }
    match row.state.as_str() {
        "voided" if row.was_authorised() => entries.insert("voided"),
        "refunded" => entries.insert("refunded"),
        "capture_failed" => entries.insert("capture_failed"),
        "credited" => {
            entries.extend(["capture_failed", "credited"]);
            true
        }
        _ => false,
    };
    entries
}

/// What an entry must say; `holds` is whether money is held while the capture fails.
fn sides(row: &PaymentRow, kind: &str, holds: bool) -> Sides<'static> {
    let all = row.amount_minor;
    let earned = [
        ("revenue", all - row.tax_minor - row.shipping_minor),
        ("tax_payable", row.tax_minor),
        ("shipping_income", row.shipping_minor),
    ];
    let paid = [
        ("psp_receivable", row.card_minor),
        ("gift_card_liability", all - row.card_minor),
    ];
    let held = [("auth_receivable", all)];
    let owed_back = [("auth_liability", all)];
    let prepaid = [("customer_prepayments", all)];
    let unpaid = [("customer_receivable", all)];
    match kind {
        "authorised" => Sides::of(&[&held], &[&owed_back]),
        "voided" => Sides::of(&[&owed_back], &[&held]),
        "captured" => Sides::of(&[&owed_back, &paid], &[&held, &prepaid]),
        "recognised" => Sides::of(&[&prepaid], &[&earned]),
        "refunded" => Sides::of(&[&earned], &[&paid]),
        "capture_failed" if holds => Sides::of(&[&owed_back, &unpaid], &[&held, &earned]),
        "capture_failed" => Sides::of(&[&unpaid], &[&earned]),
        "credited" => Sides::of(&[&earned], &[&unpaid]),
        _ => Sides::default(),
    }
}

impl Sides<'static> {
    fn of(debits: &[&[(&'static str, i64)]], credits: &[&[(&'static str, i64)]]) -> Self {
        let side = |parts: &[&[(&'static str, i64)]]| {
            let legs = parts.iter().flat_map(|part| part.iter());
            legs.filter(|(_, minor)| *minor != 0)
                .map(|(account, minor)| (*account, i128::from(*minor)))
                .collect()
        };
        Self {
            debits: side(debits),
            credits: side(credits),
        }
    }
}

/// Cause and time of every entry are those of what was stated with it.
pub(crate) fn against_facts(purchase_id: &str, case: &Case, report: &mut Report) {
    for entry in &case.ledger_entries {
        if entry.kind == "credited" {
            credited(purchase_id, case, entry, report);
            continue;
        }
        let kind = match entry.kind.as_str() {
            "authorised" => "PaymentAuthorised",
            "captured" | "recognised" => "PaymentCaptured",
            "voided" => "PaymentVoided",
            "refunded" => "PaymentRefunded",
            _ => "CaptureFailed",
        };
        let Some(fact) = case.fact(kind) else {
            continue;
        };
        let same = entry.cause == fact.cause && entry.at == fact.occurred_at;
        report.require(same, P, purchase_id, || {
            format!("altered: the entry {} is not of its {kind}", entry.kind)
        });
    }
}

/// Of what came back unpaid nothing is stated with the entry: its cause is dispatch's word.
fn credited(purchase_id: &str, case: &Case, entry: &LedgerEntryRow, report: &mut Report) {
    let back = case.fact("PurchaseCancelled");
    let by_return = back.is_some_and(|fact| fact.event_id == entry.cause);
    report.require(by_return && case.is_return(), P, purchase_id, || {
        "credited, and nothing was sent back".to_owned()
    });
}
