//! Money and shipments by the second witness: what the groups say was done, the provider did, and
//! the other way round.

use crate::{
    Group,
    case::Case,
    report::{Promise, Report},
    totals::Totals,
    witness::ProviderRow,
};

const P: Promise = Promise::Money;

pub(crate) fn check(purchase_id: &str, case: &Case, totals: &mut Totals, report: &mut Report) {
    let row = case.payment.as_ref();
    let asked = row.is_some_and(|row| row.card_minor > 0);
    let state = row.map_or("", |row| row.state.as_str());
    let authorised = row.is_some_and(|row| row.authorised);
    let captured = row.is_some_and(|row| row.captured);
    let decided = [
        ("authorised", authorised),
        ("captured", captured),
        ("refunded", state == "refunded"),
    ];
    for (kind, ours) in decided {
        agree(
            purchase_id,
            case,
            Group::Payment,
            (kind, asked && ours),
            report,
        );
    }
    // What could not be captured may have been given back, or lapsed, at the provider.
    if state != "capture_failed" {
        let ours = asked && authorised && state == "voided";
        agree(purchase_id, case, Group::Payment, ("voided", ours), report);
    }
    let shipped = case
        .dispatch
        .as_ref()
        .is_some_and(|row| row.state == "handed_over");
    agree(
        purchase_id,
        case,
        Group::Dispatch,
        ("handed over", shipped),
        report,
    );
    for one in &case.provider {
        terms(purchase_id, case, one, report);
    }
    if let Some(row) = row.filter(|row| row.captured && row.card_minor > 0)
        && case.is_settled()
    {
        let currency = row.currency.clone().unwrap_or_default();
        totals.captured_by_us(&currency, row.card_minor);
    }
    if case.is_settled() {
        for one in case.provided("captured") {
            totals.captured_by_provider(&one.currency, one.amount_minor);
        }
    }
}

/// What we say happened must have happened; what happened must be known to us, once nothing is
/// under way any more.
fn agree(
    purchase_id: &str,
    case: &Case,
    group: Group,
    (kind, ours): (&str, bool),
    report: &mut Report,
) {
    let theirs = case.provided(kind).next().is_some();
    if ours && !theirs {
        let what = format!("{group} says {kind}, and the provider's journal does not");
        report.breach(P, purchase_id, what);
    }
    if theirs && !ours && case.is_settled() && !case.excused.contains_key(&group) {
        let what = format!("{kind} by the provider's journal, and {group} does not say so");
        report.breach(P, purchase_id, what);
    }
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
    let Some(bought) = &case.bought else {
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
    use crate::witness::DispatchRow;

    /// A shipment at the carrier, and what dispatch's snapshot says of it.
    fn breaches(shipment_id: Option<&str>) -> u64 {
        let handed_over = ProviderRow {
            kind: "handed over".to_owned(),
            intent_id: None,
            refund_id: None,
            shipment_id: Some("s1".to_owned()),
            amount_minor: 0,
            currency: String::new(),
            key: None,
        };
        let case = Case {
            dispatch: Some(DispatchRow {
                hash: None,
                state: "waiting".to_owned(),
                shipment_id: shipment_id.map(str::to_owned),
            }),
            provider: vec![handed_over],
            open: vec!["dispatch waits".to_owned()],
            ..Case::default()
        };
        let mut report = Report::default();
        check("p", &case, &mut Totals::default(), &mut report);
        report.breaches()
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
