//! Order and dispatch: goods leave paid and firmly reserved, each step caused by the one before it;
//! what is cancelled holds neither goods nor money.

use crate::{
    case::{Case, FIRM, Stated},
    report::{Promise, Report},
};

const P: Promise = Promise::Dispatch;

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    if let Some(handed_over) = case.fact("ShipmentHandedOver") {
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
        for kind in ended.into_iter().filter(|kind| case.fact(kind).is_some()) {
            report.breach(P, purchase_id, format!("handed over, and {kind}"));
        }
        follows(purchase_id, handed_over, firm, report);
    }
    if let Some(requested) = case.fact("ShipmentRequested") {
        follows(
            purchase_id,
            requested,
            case.fact("PaymentAuthorised"),
            report,
        );
    }
    if let Some(captured) = case.fact("PaymentCaptured") {
        report.count(P, "captured", 1);
        let handed_over = case.fact("ShipmentHandedOver");
        report.require(handed_over.is_some(), P, purchase_id, || {
            "captured, and never handed over".to_owned()
        });
        follows(purchase_id, captured, handed_over, report);
    }
    if case.fact("PurchaseCancelled").is_some() {
        report.count(P, "cancelled", 1);
        cancelled(purchase_id, case, report);
    }
    row(purchase_id, case, report);
}

/// One step names the other as its cause, so it was decided on knowing it.
fn follows(purchase_id: &str, step: &Stated, before: Option<&Stated>, report: &mut Report) {
    if let Some(before) = before {
        report.require(step.cause == before.event_id, P, purchase_id, || {
            format!("{} was not caused by {}", step.kind, before.kind)
        });
    }
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

/// Dispatch's row against what it stated.
fn row(purchase_id: &str, case: &Case, report: &mut Report) {
    let state = case.dispatch.as_ref().map_or("", |row| row.state.as_str());
    if !case.is_settled() {
        return;
    }
    for (kind, happened) in [
        ("ShipmentHandedOver", state == "handed_over"),
        ("PurchaseCancelled", state == "cancelled"),
    ] {
        let stated = case.fact(kind).is_some();
        report.require(stated == happened, P, purchase_id, || {
            format!("dispatch stands at {state:?}, {kind} on the topic: {stated}")
        });
    }
}
