//! What analytics remembers of one purchase, so that nothing is counted twice and what happens later
//! is counted to its items.

use analytics::rows::CountedRow;

use crate::{
    Group,
    case::{Bought, Case},
    checks::shown,
    columns::{self, maybe, of},
    report::{Promise, Report},
};

/// What is known to have become of a purchase: a bit each, in this order.
const ANSWERS: [&str; 6] = [
    "PaymentAuthorised",
    "PaymentDeclined",
    "StockRejected",
    "PurchaseCancelled",
    "PaymentCaptured",
    "PaymentRefunded",
];

/// The digest of a row.
pub(crate) fn says(row: &CountedRow) -> u64 {
    columns::digest_of([
        maybe(row.purchased_at),
        row.currency.clone(),
        row.basket.clone(),
        of(row.answers),
        of(format!("{:x?}", row.seen)),
    ])
}

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    let Some((_, says)) = &case.counted else {
        return;
    };
    if case.has_gaps || !case.is_at_rest_in(Group::Analytics) {
        return;
    }
    report.require(
        *says == stated(case, case.bought_by(Group::Analytics)),
        Promise::Analytics,
        purchase_id,
        || {
            "altered: analytics remembers otherwise than the topics say what it has counted"
                .to_owned()
        },
    );
}

/// Whether it remembers this record of the purchase.
pub(crate) fn is_of(case: &Case, bought: &Bought) -> bool {
    let counted = case.counted.as_ref();
    counted.is_some_and(|(_, says)| *says == stated(case, Some(bought)))
}

fn stated(case: &Case, bought: Option<&Bought>) -> u64 {
    let mut answers = 0;
    for (bit, kind) in ANSWERS.iter().enumerate() {
        answers |= i64::from(case.fact(kind).is_some()) << bit;
    }
    answers |= i64::from(!case.requests.is_empty()) << ANSWERS.len();
    let facts = case.facts.iter().map(|fact| &fact.event_id);
    let first = case.requests.first().map(|request| &request.event_id);
    columns::digest_of([
        maybe(bought.map(|bought| bought.occurred_at)),
        bought.map(|bought| bought.currency.clone()),
        bought.map(|bought| serde_json::json!(bought.basket).to_string()),
        of(answers),
        of(format!("{:x?}", shown::set_of(facts.chain(first)))),
    ])
}
