//! Order and dispatch: goods leave paid and firmly reserved, each step caused by the one before it;
//! what is cancelled holds neither goods nor money.

use super::dispatch_row;
use crate::{
    case::{Case, FIRM, Stated},
    report::{Promise, Report},
};

const P: Promise = Promise::Dispatch;

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    if case.has_gaps {
        return;
    }
    // What led to a step may be younger than the noted ends, the step itself not.
    let step = |kind| case.old_facts().find(|fact| fact.kind == kind);
    if let Some(handed_over) = step("ShipmentHandedOver") {
        report.count(P, "handed over", 1);
        let firm = case.fact(FIRM);
        for (what, there) in [
            ("an authorisation", case.fact("PaymentAuthorised").is_some()),
            ("a firm reservation", firm.is_some()),
            ("a request", case.fact("ShipmentRequested").is_some()),
        ] {
            report.require(there, P, purchase_id, || {
                format!("handed over without {what}")
            });
        }
        let ended = [
            "PaymentVoided",
            "PaymentDeclined",
            "StockReleased",
            "PurchaseCancelled",
        ];
        for kind in ended.into_iter().filter(|kind| step(kind).is_some()) {
            if kind == "PurchaseCancelled" && case.is_return() {
                continue;
            }
            report.breach(P, purchase_id, format!("handed over, and {kind}"));
        }
        follows(purchase_id, handed_over, firm, report);
    }
    if let Some(requested) = step("ShipmentRequested") {
        follows(
            purchase_id,
            requested,
            case.fact("PaymentAuthorised"),
            report,
        );
    }
    if let Some(captured) = step("PaymentCaptured") {
        report.count(P, "captured", 1);
        let handed_over = case.fact("ShipmentHandedOver");
        report.require(handed_over.is_some(), P, purchase_id, || {
            "captured, and never handed over".to_owned()
        });
        follows(purchase_id, captured, handed_over, report);
    }
    if case.is_return() {
        report.count(P, "sent back", 1);
        sent_back(purchase_id, case, report);
    } else if case.fact("PurchaseCancelled").is_some() {
        report.count(P, "cancelled", 1);
        cancelled(purchase_id, case, report);
        if case.is_refused_by_carrier() {
            refused_by_carrier(purchase_id, case, report);
        }
    }
    dispatch_row::check(purchase_id, case, report);
}

/// One step names the other as its cause, so it was decided on knowing it.
fn follows(purchase_id: &str, step: &Stated, before: Option<&Stated>, report: &mut Report) {
    if let Some(before) = before {
        report.require(step.cause == before.event_id, P, purchase_id, || {
            format!("{} was not caused by {}", step.kind, before.kind)
        });
    }
}

/// What was sent back was paid for, and is given back in full; or it never was, and is owed no more.
fn sent_back(purchase_id: &str, case: &Case, report: &mut Report) {
    let amount = |kind| case.fact(kind).and_then(|fact| fact.money.as_ref());
    let (taken, given_back) = (amount("PaymentCaptured"), amount("PaymentRefunded"));
    let in_full = taken.is_some() && given_back == taken;
    let state = (case.payment.as_ref()).map_or("", |row| row.state.as_str());
    let credited = case.fact("CaptureFailed").is_some() && state == "credited";
    let whole = match taken.or(given_back) {
        Some(_) => in_full,
        None => credited,
    };
    report.require(whole || !case.is_settled(), P, purchase_id, || {
        "sent back, and neither refunded in full nor credited for never having been paid".to_owned()
    });
}

fn cancelled(purchase_id: &str, case: &Case, report: &mut Report) {
    if !case.is_settled() {
        return;
    }
    let reserved = (case.reservation.as_ref())
        .is_some_and(|(state, _)| matches!(state.as_str(), "held" | "firm" | "committed"));
    report.require(!reserved, P, purchase_id, || {
        "cancelled, and goods are still put aside or gone".to_owned()
    });
    let paid = (case.payment.as_ref())
        .is_some_and(|row| matches!(row.state.as_str(), "authorised" | "captured"));
    report.require(!paid, P, purchase_id, || {
        "cancelled, and money is still held or taken".to_owned()
    });
}

/// The carrier is asked on a firm reservation, and has the last word: that it does not take these
/// goods, or that it was asked wrongly and so has none of them.
fn refused_by_carrier(purchase_id: &str, case: &Case, report: &mut Report) {
    report.require(case.fact(FIRM).is_some(), P, purchase_id, || {
        "cancelled on the carrier's word, which was never asked".to_owned()
    });
    let said = case.carrier_said.as_deref();
    let is_no = matches!(said, Some("refused" | "rejected"));
    report.require(is_no, P, purchase_id, || {
        format!("cancelled on the carrier's word, which is {said:?}")
    });
}

#[cfg(test)]
mod tests {
    use super::{Case, FIRM, Promise, Report, check};
    use crate::{
        case::{Request, Stated},
        checks::{once, tests as given},
    };

    /// A purchase that was handed over as it should be.
    fn handed_over() -> Case {
        let mut case = given::case();
        let caused = |kind, cause: &str| Stated {
            cause: cause.to_owned(),
            ..given::fact(kind)
        };
        case.facts = vec![
            given::fact("PaymentAuthorised"),
            caused(FIRM, "ShipmentRequested"),
            caused("ShipmentRequested", "PaymentAuthorised"),
            caused("ShipmentHandedOver", FIRM),
            caused("PaymentCaptured", "ShipmentHandedOver"),
        ];
        // The row is not what is judged here.
        case.open.push(given::open());
        case
    }

    fn breaches(case: &Case) -> u64 {
        let mut report = Report::default();
        check("p", case, &mut report);
        once::check("p", case, &mut report);
        report.of(Promise::Dispatch).breaches + report.of(Promise::Once).breaches
    }

    #[test]
    fn goods_leave_paid_and_firmly_reserved_or_it_is_named() {
        assert_eq!(breaches(&handed_over()), 0);
        for (missing, breached) in [
            ("PaymentAuthorised", 1),
            (FIRM, 1),
            ("ShipmentRequested", 1),
            ("ShipmentHandedOver", 1),
        ] {
            let mut case = handed_over();
            case.facts.retain(|fact| fact.kind != missing);
            assert_eq!(breaches(&case), breached, "without {missing}");
        }
    }

    #[test]
    fn a_step_that_came_while_the_audit_looked_is_judged_by_the_next_and_excuses_no_other() {
        let mut case = handed_over();
        case.facts.remove(0);
        assert_eq!(breaches(&case), 1);
        for fact in &mut case.facts {
            fact.is_young = fact.kind != "ShipmentHandedOver";
        }
        assert_eq!(breaches(&case), 1, "the goods left before that");
        for fact in &mut case.facts {
            fact.is_young = true;
        }
        assert_eq!(breaches(&case), 0);
        case.facts.push(given::fact(FIRM));
        assert_eq!(breaches(&case), 1, "two of a kind are one too many");
    }

    #[test]
    fn what_was_decided_on_something_else_is_named() {
        for kind in ["ShipmentRequested", "ShipmentHandedOver", "PaymentCaptured"] {
            let mut case = handed_over();
            let step = case.facts.iter_mut().find(|fact| fact.kind == kind);
            step.unwrap().cause = "another".to_owned();
            assert_eq!(breaches(&case), 1, "{kind}");
        }
    }

    #[test]
    fn two_reservations_and_two_shipments_are_doubled() {
        let mut case = handed_over();
        case.facts.push(given::fact(FIRM));
        assert_eq!(breaches(&case), 1);
        let mut case = handed_over();
        for (number, fact) in case.facts.iter_mut().enumerate() {
            fact.reference = number.to_string();
        }
        assert_eq!(breaches(&case), 1);
    }

    #[test]
    fn a_refusal_is_the_carriers_word_on_a_firm_reservation() {
        let breaches = |said: Option<&str>, is_firm: bool| {
            let mut case = given::case();
            case.dispatch.as_mut().unwrap().cancel_reason = Some("carrier_refused".to_owned());
            case.carrier_said = said.map(str::to_owned);
            case.facts = vec![given::fact("PurchaseCancelled")];
            if is_firm {
                case.facts.push(given::fact(FIRM));
            }
            // The row is not what is judged here.
            case.open.push(given::open());
            breaches(&case)
        };
        assert_eq!(breaches(Some("refused"), true), 0);
        assert_eq!(breaches(Some("rejected"), true), 0);
        assert_eq!(breaches(Some("refused"), false), 1, "it was never asked");
        assert_eq!(breaches(Some("handed_over"), true), 1, "it has them");
        assert_eq!(breaches(None, true), 1, "it has not answered");
    }

    /// Handed over, and cancelled because the customer asked.
    fn sent_back() -> Case {
        let mut case = handed_over();
        case.dispatch.as_mut().unwrap().state = "returned".to_owned();
        case.requests.push(Request {
            at: given::fact("").at,
            event_id: "please".to_owned(),
            occurred_at: 1,
            says: 0,
        });
        case.facts.push(Stated {
            cause: "please".to_owned(),
            ..given::fact("PurchaseCancelled")
        });
        case.facts.push(given::fact("PaymentRefunded"));
        for fact in &mut case.facts {
            let pays = matches!(fact.kind, "PaymentCaptured" | "PaymentRefunded");
            fact.money = pays.then(|| (1_000, "USD".to_owned()));
        }
        case
    }

    #[test]
    fn what_the_customer_sent_back_is_the_only_thing_handed_over_and_cancelled() {
        assert_eq!(breaches(&sent_back()), 0);
        let mut unasked = sent_back();
        unasked.requests.clear();
        assert_eq!(breaches(&unasked), 2);
        let mut not_returned = sent_back();
        not_returned.dispatch.as_mut().unwrap().state = "handed_over".to_owned();
        assert_eq!(breaches(&not_returned), 2);
        let mut before = sent_back();
        let handed_over = (before.facts.iter_mut()).find(|fact| fact.kind == "ShipmentHandedOver");
        handed_over.unwrap().at.offset = 2;
        assert_eq!(breaches(&before), 2);
    }

    #[test]
    fn what_was_sent_back_is_refunded_in_full() {
        let mut report = Report::default();
        let mut case = sent_back();
        case.open.clear();
        super::sent_back("p", &case, &mut report);
        assert_eq!(report.breaches(), 0);
        case.facts.last_mut().unwrap().money = Some((999, "USD".to_owned()));
        super::sent_back("p", &case, &mut report);
        assert_eq!(report.breaches(), 1);
        case.facts.pop();
        super::sent_back("p", &case, &mut report);
        assert_eq!(report.breaches(), 2);
    }

    #[test]
    fn what_was_sent_back_and_never_paid_is_owed_no_more() {
        let breaches = |state: &str, kinds: &[&'static str]| {
            let mut case = given::case();
            case.payment.as_mut().unwrap().state = state.to_owned();
            case.facts = kinds.iter().map(|kind| given::fact(kind)).collect();
            for fact in &mut case.facts {
                fact.money = (fact.kind != "CaptureFailed").then(|| (1_000, "USD".to_owned()));
            }
            let mut report = Report::default();
            super::sent_back("p", &case, &mut report);
            report.breaches()
        };
        assert_eq!(breaches("credited", &["CaptureFailed"]), 0);
        assert_eq!(breaches("capture_failed", &["CaptureFailed"]), 1, "open");
        assert_eq!(breaches("credited", &[]), 1, "nothing failed");
        assert_eq!(
            breaches("credited", &["CaptureFailed", "PaymentCaptured"]),
            1,
            "it was paid"
        );
        assert_eq!(
            breaches("credited", &["CaptureFailed", "PaymentRefunded"]),
            1,
            "untaken"
        );
    }
}
