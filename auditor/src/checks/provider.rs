//! Money and shipments by the second witness: what the groups say was done, the provider did, and
//! the other way round.

use super::Around;
use crate::{
    Group,
    case::Case,
    report::{Promise, Report},
    totals::Totals,
    witness::{PaymentRow, ProviderRow},
};

const P: Promise = Promise::Money;

/// The words of a declined card. A payment may be declined for other reasons (the customer would
/// have to authenticate, the request was wrong, the provider was at a loss): the provider's journal
/// has no decline then, and holds nothing.
const CARD_DECLINES: [&str; 12] = [
    "generic_decline",
    "card_declined",
    "insufficient_funds",
    "lost_card",
    "stolen_card",
    "pickup_card",
    "expired_card",
    "incorrect_cvc",
    "processing_error",
    "do_not_honor",
    "fraudulent",
    "card_velocity_exceeded",
];

pub(crate) fn check(
    purchase_id: &str,
    case: &Case,
    around: &Around<'_>,
    totals: &mut Totals,
    report: &mut Report,
) {
    let row = case.payment.as_ref();
    for (kind, group, ours) in our_word(case) {
        if matches!(kind, "authorised" | "voided") && was_let_go_unstated(case) {
            continue;
        }
        // A request that the carrier calls wrong leaves no trace with it.
        if kind == "refused" && ours && case.carrier_said.as_deref() == Some("rejected") {
            continue;
        }
        agree(purchase_id, case, (kind, group, ours), report);
    }
    moved_unknown(purchase_id, case, around, report);
    match row.filter(|row| row.state == "declined" && row.card_minor > 0) {
        Some(row) => declined(purchase_id, case, row, report),
        None => agree(
            purchase_id,
            case,
            ("declined", Group::Payment, false),
            report,
        ),
    }
    for one in &case.provider {
        terms(purchase_id, case, one, report);
    }
    // What is under way may be known to one side only; what stands still must be known to both.
    if !case.open.is_empty() {
        return;
    }
    if let Some(row) = row.filter(|row| row.was_captured() && row.card_minor > 0) {
        let currency = row.currency.clone().unwrap_or_default();
        totals.captured_by_us(&currency, row.card_minor);
    }
    for one in case.provided("captured") {
        totals.captured_by_provider(&one.currency, one.amount_minor);
    }
}

/// What we say happened at the provider and the carrier: kind, who says it, whether.
fn our_word(case: &Case) -> Vec<(&'static str, Group, bool)> {
    let row = case.payment.as_ref();
    let asked = row.is_some_and(|row| row.card_minor > 0);
    let state = row.map_or("", |row| row.state.as_str());
    let authorised = asked && row.is_some_and(PaymentRow::was_authorised);
    let captured = asked && row.is_some_and(PaymentRow::was_captured);
    let refunded = asked && state == "refunded";
    let dispatch = case.dispatch.as_ref();
    let shipped =
        dispatch.is_some_and(|row| matches!(row.state.as_str(), "handed_over" | "returned"));
    let mut word = vec![
        ("authorised", Group::Payment, authorised),
        ("captured", Group::Payment, captured),
        ("refunded", Group::Payment, refunded),
        ("handed over", Group::Dispatch, shipped),
        ("refused", Group::Dispatch, case.is_refused_by_carrier()),
    ];
    // What could not be captured may have been given back, or lapsed, at the provider.
    if !row.is_some_and(PaymentRow::was_gone_unpaid) {
        word.push(("voided", Group::Payment, authorised && state == "voided"));
    }
    word
}

/// Whether the provider held money of a payment that had been given up, and let go of it again:
/// nothing was stated of the one or the other.
fn was_let_go_unstated(case: &Case) -> bool {
    let provided = |kind| case.provided(kind).next().is_some();
    let given_up = case.payment.as_ref().is_some_and(|row| {
        !row.was_authorised() && matches!(row.state.as_str(), "declined" | "voided")
    });
    given_up && provided("authorised") && provided("voided") && !provided("captured")
}

/// What we say happened must have happened; what happened must be known to us, once nothing is
/// under way any more.
fn agree(
    purchase_id: &str,
    case: &Case,
    (kind, group, ours): (&str, Group, bool),
    report: &mut Report,
) {
    let theirs = case.provided(kind).next().is_some();
    if ours && !theirs {
        let what = format!("{group} says {kind}, and the provider's journal does not");
        report.breach(P, purchase_id, what);
    }
    if theirs && !ours && judges(case, group) {
        let what = format!("{kind} by the provider's journal, and {group} does not say so");
        report.breach(P, purchase_id, what);
    }
}

/// Whether a group must know by now what the provider did.
fn judges(case: &Case, group: Group) -> bool {
    case.is_settled() && !case.excused.contains_key(&group)
}

/// Money that moved at the provider longer ago than the grace, and of which the ledger knows
/// nothing: no dead letter excuses that, for somebody's money is where nobody looks for it.
fn moved_unknown(purchase_id: &str, case: &Case, around: &Around<'_>, report: &mut Report) {
    for (since, what) in unknown(case) {
        if around.now.saturating_sub(since) > around.grace_micros {
            report.overdue(P, purchase_id, what);
        }
    }
}

/// Money that moved at the provider and of which the ledger does not know yet: since when, and how
/// much. What it must know by now is judged otherwise.
pub(super) fn unknown(case: &Case) -> Vec<(i64, String)> {
    if judges(case, Group::Payment) {
        return Vec::new();
    }
    let row = case.payment.as_ref();
    let last = |kind| case.provided(kind).max_by_key(|one| one.at);
    let (voided, captured, refunded) = (last("voided"), last("captured"), last("refunded"));
    let held = last("authorised").filter(|_| voided.is_none() && captured.is_none());
    let taken = captured.filter(|_| refunded.is_none());
    let moved = [
        (held, row.is_some_and(PaymentRow::was_authorised)),
        (taken, row.is_some_and(PaymentRow::was_captured)),
        (refunded, row.is_some_and(|row| row.state == "refunded")),
    ];
    let unknown = moved.into_iter().filter(|(_, is_known)| !is_known);
    let unknown = unknown.filter_map(|(one, _)| one);
    let said = unknown.map(|one| {
        let what = format!(
            "{} {} {} at the provider, and the ledger knows nothing of it",
            one.amount_minor, one.currency, one.kind
        );
        (one.at, what)
    });
    said.collect()
}

/// We say that the provider refused to hold the money.
fn declined(purchase_id: &str, case: &Case, row: &PaymentRow, report: &mut Report) {
    let reason = row.reason.as_deref().unwrap_or_default();
    let theirs = case.provided("declined").next();
    let by_the_card = CARD_DECLINES.contains(&reason);
    report.require(theirs.is_some() || !by_the_card, P, purchase_id, || {
        format!("payment says declined ({reason}), and the provider's journal does not")
    });
    let code = theirs.and_then(|one| one.detail.as_deref());
    let same = code.is_none_or(|code| code == reason) || !by_the_card;
    report.require(same, P, purchase_id, || {
        format!("payment says declined ({reason}), and the provider's journal says {code:?}")
    });
}

fn terms(purchase_id: &str, case: &Case, one: &ProviderRow, report: &mut Report) {
    if one.shipment_id.is_some() {
        let row = case.dispatch.as_ref();
        // The carrier's journal is younger than dispatch's snapshot, which may not know it yet.
        let differs = row.is_some_and(|row| other(&row.shipment_id, &one.shipment_id));
        report.require(!differs, P, purchase_id, || {
            format!(
                "the carrier has shipment {:?}, dispatch another",
                one.shipment_id
            )
        });
        return;
    }
    let Some(bought) = case.bought_by(Group::Payment) else {
        return;
    };
    let same = one.amount_minor == bought.card_minor && one.currency == bought.currency;
    report.require(same, P, purchase_id, || {
        format!(
            "{} {} {} by the provider's journal, the purchase owes {} {}",
            one.kind, one.amount_minor, one.currency, bought.card_minor, bought.currency
        )
    });
    let Some(row) = &case.payment else {
        return;
    };
    let differs = one.kind != "declined"
        && (other(&row.provider_ref, &one.intent_id) || other(&row.refund_ref, &one.refund_id));
    report.require(!differs, P, purchase_id, || {
        format!(
            "{} at the provider under another reference than ours",
            one.kind
        )
    });
}

/// Whether both are known and differ.
fn other(ours: &Option<String>, theirs: &Option<String>) -> bool {
    matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::tests as given, witness::DispatchRow};

    fn row(kind: &str) -> ProviderRow {
        ProviderRow {
            kind: kind.to_owned(),
            intent_id: None,
            refund_id: None,
            shipment_id: None,
            amount_minor: 1_000,
            currency: "USD".to_owned(),
            key: None,
            detail: None,
            at: 1,
        }
    }

    fn judge(case: &Case) -> Report {
        let mut report = Report::default();
        given::around(|around| check("p", case, around, &mut Totals::default(), &mut report));
        report
    }

    /// A shipment at the carrier, and what dispatch's snapshot says of it.
    fn breaches(shipment_id: Option<&str>) -> u64 {
        let handed_over = ProviderRow {
            shipment_id: Some("s1".to_owned()),
            ..row("handed over")
        };
        let case = Case {
            dispatch: Some(DispatchRow {
                hash: None,
                state: "waiting".to_owned(),
                shipment_id: shipment_id.map(str::to_owned),
                cancel_reason: None,
                created_at: 1,
                columns: Vec::new(),
            }),
            provider: vec![handed_over],
            open: vec![given::open()],
            ..Case::default()
        };
        judge(&case).breaches()
    }

    /// An authorisation whose answer was set aside.
    fn unknown(kinds: &[&str]) -> u64 {
        let mut case = given::case();
        let payment = case.payment.as_mut().unwrap();
        payment.state = "authorising".to_owned();
        (payment.authorised_at, payment.captured_at) = (None, None);
        case.dispatch.as_mut().unwrap().state = "cancelled".to_owned();
        case.excused
            .insert(Group::Payment, "provider_mismatch".to_owned());
        case.provider = kinds.iter().map(|kind| row(kind)).collect();
        judge(&case).of(Promise::Money).breaches
    }

    #[test]
    fn money_that_the_ledger_does_not_know_is_excused_by_no_dead_letter() {
        assert_eq!(unknown(&[]), 0);
        assert_eq!(unknown(&["authorised"]), 1);
        assert_eq!(unknown(&["authorised", "captured"]), 1);
        assert_eq!(unknown(&["authorised", "voided"]), 0, "nothing is held");
        assert_eq!(unknown(&["authorised", "captured", "refunded"]), 1);
    }

    #[test]
    fn what_was_given_up_and_let_go_again_needs_no_statement() {
        let mut case = given::case();
        let payment = case.payment.as_mut().unwrap();
        payment.state = "declined".to_owned();
        payment.reason = Some("provider_error".to_owned());
        (payment.authorised_at, payment.captured_at) = (None, None);
        case.dispatch.as_mut().unwrap().state = "cancelled".to_owned();
        case.provider = vec![row("authorised"), row("voided")];
        assert_eq!(judge(&case).breaches(), 0);
        case.provider.pop();
        assert_eq!(judge(&case).breaches(), 1, "it is still held");
    }

    #[test]
    fn a_request_that_the_carrier_calls_wrong_is_in_its_journal_only_when_it_took_the_goods() {
        let breaches = |said: &str, kinds: &[&str]| {
            let mut case = given::case();
            let payment = case.payment.as_mut().unwrap();
            payment.state = "voided".to_owned();
            payment.captured_at = None;
            let dispatch = case.dispatch.as_mut().unwrap();
            dispatch.state = "cancelled".to_owned();
            dispatch.cancel_reason = Some("carrier_refused".to_owned());
            case.carrier_said = Some(said.to_owned());
            case.provider = kinds.iter().map(|kind| row(kind)).collect();
            judge(&case).breaches()
        };
        let held = ["authorised", "voided"];
        assert_eq!(breaches("rejected", &held), 0);
        assert_eq!(breaches("refused", &[held[0], held[1], "refused"]), 0);
        assert_eq!(breaches("refused", &held), 1, "it knows of no refusal");
        for said in ["rejected", "refused"] {
            let taken = [held[0], held[1], "handed over"];
            assert!(breaches(said, &taken) > 0, "{said}, and it took them");
        }
        assert_eq!(breaches("rejected", &[held[0]]), 1, "the money is held");
    }

    #[test]
    fn a_decline_that_the_provider_did_not_make_is_invented() {
        let mut case = given::case();
        let payment = case.payment.as_mut().unwrap();
        payment.state = "declined".to_owned();
        payment.reason = Some("generic_decline".to_owned());
        (payment.authorised_at, payment.captured_at) = (None, None);
        case.dispatch.as_mut().unwrap().state = "cancelled".to_owned();
        assert_eq!(judge(&case).breaches(), 1);
        case.provider = vec![ProviderRow {
            detail: Some("generic_decline".to_owned()),
            ..row("declined")
        }];
        assert_eq!(judge(&case).breaches(), 0);
        case.provider[0].detail = Some("lost_card".to_owned());
        assert_eq!(judge(&case).breaches(), 1);
        case.payment.as_mut().unwrap().reason = Some("authentication_required".to_owned());
        case.provider.clear();
        assert_eq!(judge(&case).breaches(), 0);
    }

    #[test]
    fn a_snapshot_that_is_older_than_the_shipment_contradicts_nobody() {
        assert_eq!(breaches(None), 0);
        assert_eq!(breaches(Some("s1")), 0);
    }

    #[test]
    fn another_shipment_than_the_carriers_is_named() {
        assert_eq!(breaches(Some("s2")), 1);
    }
}
