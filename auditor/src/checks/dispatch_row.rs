//! Dispatch's row against what was stated: by itself, and by those whose answers it joined.

use dispatch::Dispatch;

use crate::{
    Group,
    case::{Bought, Case, FIRM},
    columns::{self, Value, maybe, of},
    report::{Promise, Report},
};

const P: Promise = Promise::Dispatch;

const NAMES: [&str; 21] = [
    "purchase_event_id",
    "purchased_at",
    "delivery_tier",
    "authorised_by",
    "declined_by",
    "voided_by",
    "void_reason",
    "reserved_by",
    "firm_by",
    "rejected_by",
    "expired_by",
    "released_by",
    "shipment_id",
    "requested_at",
    "ship_by",
    "deliver_by",
    "at_risk",
    "carrier",
    "tracking",
    "ended_at",
    "cancel_reason",
];

/// The digests of a row.
pub(crate) fn columns(row: &Dispatch) -> Vec<u64> {
    columns::digests::<{ NAMES.len() }>([
        row.purchase_event_id.clone(),
        maybe(row.purchased_at),
        row.delivery_tier.clone(),
        row.authorised_by.clone(),
        row.declined_by.clone(),
        row.voided_by.clone(),
        row.void_reason.clone(),
        row.reserved_by.clone(),
        row.firm_by.clone(),
        row.rejected_by.clone(),
        row.expired_by.clone(),
        row.released_by.clone(),
        row.shipment_id.clone(),
        maybe(row.requested_at),
        maybe(row.ship_by),
        maybe(row.deliver_by),
        of(row.at_risk),
        row.carrier.clone(),
        row.tracking.clone(),
        maybe(row.ended_at),
        row.cancel_reason.clone(),
    ])
}

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    if case.open.iter().any(|open| open.group == Group::Dispatch) {
        return;
    }
    let row = case.dispatch.as_ref();
    let state = row.map_or("", |row| row.state.as_str());
    for (kind, happened) in [
        (
            "ShipmentHandedOver",
            matches!(state, "handed_over" | "returned"),
        ),
        (
            "PurchaseCancelled",
            matches!(state, "cancelled" | "returned"),
        ),
    ] {
        let stated = case.fact(kind).is_some();
        report.require(stated == happened, P, purchase_id, || {
            format!("dispatch stands at {state:?}, {kind} on the topic: {stated}")
        });
    }
    if let Some(row) = row
        && case.was_read_by(Group::Dispatch)
    {
        let differing = columns::differing(NAMES, &row.columns, stated(case));
        report.require(differing.is_empty(), P, purchase_id, || {
            format!("altered: dispatch says otherwise than the topics in {differing:?}")
        });
    }
}

/// What the topics say of each column.
fn stated(case: &Case) -> [Value; NAMES.len()] {
    let bought = case.bought_by(Group::Dispatch);
    let by = |kind| case.fact(kind).map(|fact| fact.event_id.clone());
    let requested = case.fact("ShipmentRequested");
    let times = requested.and_then(|fact| fact.times);
    let handed_over = case.fact("ShipmentHandedOver");
    let parcel = handed_over.and_then(|fact| fact.parcel.as_deref());
    let cancelled = case.fact("PurchaseCancelled");
    [
        bought.map(|bought| bought.event_id.clone()),
        maybe(bought.map(|bought| bought.occurred_at)),
        bought.and_then(tier),
        by("PaymentAuthorised"),
        by("PaymentDeclined"),
        by("PaymentVoided"),
        case.fact("PaymentVoided").map(|fact| fact.reason.clone()),
        by("StockReserved"),
        by(FIRM),
        by("StockRejected"),
        by("ReservationExpired"),
        by("StockReleased"),
        requested.map(|fact| fact.reference.clone()),
        maybe(requested.map(|fact| fact.occurred_at)),
        maybe(times.map(|times| times.0)),
        maybe(times.map(|times| times.1)),
        of(case.fact("DispatchAtRisk").is_some()),
        parcel.map(|parcel| parcel.0.clone()),
        parcel.map(|parcel| parcel.1.clone()),
        maybe(handed_over.or(cancelled).map(|fact| fact.occurred_at)),
        cancelled.map(|fact| fact.reason.clone()),
    ]
}

/// Whether the row names this record of the purchase.
pub(crate) fn is_of(case: &Case, bought: &Bought) -> bool {
    let named = [Some(bought.event_id.clone()), of(bought.occurred_at)];
    let row = case.dispatch.as_ref();
    row.is_some_and(|row| row.columns.starts_with(&columns::digests(named)))
}

/// Dispatch's word for how fast it is to be delivered.
fn tier(bought: &Bought) -> Value {
    bought.delivery_tier.as_deref().map(str::to_lowercase)
}
