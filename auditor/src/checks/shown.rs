//! What a customer sees of a purchase, column by column, against what the facts add up to.
//!
//! The times of a fact are the earliest at which one of its kind happened. The status is the
//! furthest that has happened, and has a rank.

use runtime::rows::Seen;
use timeline::rows::PurchaseRow;

use crate::{
    Group,
    case::{Case, FIRM},
    columns::{self, maybe, of},
};

/// Of requests and of contradictions, the timeline shows so many.
pub(crate) const REPEATED_MAX: usize = 100;

const NAMES: [&str; 27] = [
    "status",
    "status_rank",
    "status_at",
    "first_at",
    "customer_id",
    "total_minor",
    "currency",
    "channel",
    "delivery_tier",
    "written_version",
    "accepted_at",
    "authorised_at",
    "declined_at",
    "reserved_at",
    "rejected_at",
    "shipping_requested_at",
    "handed_over_at",
    "capture_failed_at",
    "captured_at",
    "cancelled_at",
    "refunded_at",
    "cancel_reason",
    "cancel_requested_at",
    "deliver_by",
    "carrier and tracking",
    "cancel_requests and conflicts",
    "seen",
];

/// The digests of a row.
pub(crate) fn columns(row: &PurchaseRow) -> Vec<u64> {
    columns::digests::<{ NAMES.len() }>([
        of(&row.status),
        of(row.status_rank),
        of(row.status_at),
        of(row.first_at),
        row.customer_id.clone(),
        maybe(row.total_minor),
        row.currency.clone(),
        row.channel.clone(),
        row.delivery_tier.clone(),
        maybe(row.written_version),
        maybe(row.accepted_at),
        maybe(row.authorised_at),
        maybe(row.declined_at),
        maybe(row.reserved_at),
        maybe(row.rejected_at),
        maybe(row.shipping_requested_at),
        maybe(row.handed_over_at),
        maybe(row.capture_failed_at),
        maybe(row.captured_at),
        maybe(row.cancelled_at),
        maybe(row.refunded_at),
        row.cancel_reason.clone(),
        maybe(row.cancel_requested_at),
        maybe(row.deliver_by),
        of(format!("{:?} {:?}", row.carrier, row.tracking)),
        of(format!("{} {}", row.cancel_requests, row.conflicts)),
        of(format!("{:x?}", row.seen)),
    ])
}

/// The columns of a row that are not what the facts add up to.
pub(crate) fn differing(case: &Case, row: &[u64]) -> Vec<&'static str> {
    let status = status(case);
    let bought = case.bought_by(Group::Timeline);
    let requests = || case.requests.iter().take(REPEATED_MAX);
    let conflicts = || case.contradictions.iter().take(REPEATED_MAX);
    let first = (bought.iter().map(|bought| bought.occurred_at))
        .chain(requests().map(|request| request.occurred_at))
        .chain(conflicts().map(|conflict| conflict.occurred_at))
        .chain(case.facts.iter().map(|fact| fact.occurred_at))
        .min();
    let time = |kind| maybe(earliest(case, kind));
    let reserved = reserved_at(case);
    let handed_over = case.fact("ShipmentHandedOver");
    let parcel = handed_over.and_then(|fact| fact.parcel.as_deref());
    let requested = case.fact("ShipmentRequested");
    let values = [
        of(status.word),
        of(status.rank),
        maybe(status.at.or(first)),
        maybe(first),
        bought.map(|bought| bought.customer_id.clone()),
        maybe(bought.map(|bought| bought.total_minor)),
        bought.map(|bought| bought.currency.clone()),
        bought.and_then(|bought| bought.channel.clone()),
        bought.and_then(|bought| bought.delivery_tier.clone()),
        maybe(bought.map(|bought| bought.written_version)),
        maybe(bought.map(|bought| bought.occurred_at)),
        time("PaymentAuthorised"),
        time("PaymentDeclined"),
        maybe(reserved),
        time("StockRejected"),
        time("ShipmentRequested"),
        time("ShipmentHandedOver"),
        time("CaptureFailed"),
        time("PaymentCaptured"),
        time("PurchaseCancelled"),
        time("PaymentRefunded"),
        case.fact("PurchaseCancelled")
            .map(|fact| fact.reason.clone()),
        maybe(requests().map(|request| request.occurred_at).min()),
        maybe(requested.and_then(|fact| fact.times).map(|times| times.1)),
        of(format!(
            "{:?} {:?}",
            parcel.map(|parcel| &parcel.0),
            parcel.map(|parcel| &parcel.1)
        )),
        of(format!("{} {}", requests().count(), conflicts().count())),
        of(format!("{:x?}", seen(case))),
    ];
    columns::differing(NAMES, row, values)
}

fn earliest(case: &Case, kind: &str) -> Option<i64> {
    let of_kind = case.facts.iter().filter(|fact| fact.kind == kind);
    of_kind.map(|fact| fact.occurred_at).min()
}

fn reserved_at(case: &Case) -> Option<i64> {
    let either = earliest(case, "StockReserved").into_iter();
    either.chain(earliest(case, FIRM)).min()
}

/// The set of entries.
fn seen(case: &Case) -> Seen {
    let purchase = (case.bought_by(Group::Timeline).into_iter()).map(|bought| &bought.event_id);
    let requests = (case.requests.iter().take(REPEATED_MAX)).map(|request| &request.event_id);
    let conflicts = (case.contradictions.iter().take(REPEATED_MAX)).map(|one| &one.entry_id);
    let facts = case.facts.iter().map(|fact| &fact.event_id);
    set_of(purchase.chain(requests).chain(conflicts).chain(facts))
}

/// A set of ids in the groups' own form.
pub(crate) fn set_of<'a>(ids: impl Iterator<Item = &'a String>) -> Seen {
    let mut set = Seen::default();
    for id in ids {
        set.add(id);
    }
    set
}

struct Status {
    word: &'static str,
    rank: i32,
    /// When it was reached; none when nothing but the purchase, if that, is known.
    at: Option<i64>,
}

/// What a customer is told, by the furthest that has happened.
fn status(case: &Case) -> Status {
    let at = |kind| earliest(case, kind);
    let (paid, reserved) = (at("PaymentAuthorised"), reserved_at(case));
    let ready = paid
        .zip(reserved)
        .map(|(paid, reserved)| paid.max(reserved));
    let furthest_first = [
        ("refunded", 80, at("PaymentRefunded")),
        ("cancelled", 70, at("PurchaseCancelled")),
        ("completed", 60, at("PaymentCaptured")),
        ("payment_overdue", 55, at("CaptureFailed")),
        ("handed_over", 50, at("ShipmentHandedOver")),
        ("shipping_requested", 40, at("ShipmentRequested")),
        ("ready", 30, ready),
        ("out_of_stock", 24, at("StockRejected")),
        ("declined", 22, at("PaymentDeclined")),
        ("paid", 20, paid),
        ("reserved", 20, reserved),
    ];
    let reached = furthest_first.into_iter().find(|(_, _, at)| at.is_some());
    let (word, rank, at) = reached.unwrap_or((
        "accepted",
        10,
        (case.bought_by(Group::Timeline)).map(|bought| bought.occurred_at),
    ));
    Status { word, rank, at }
}

/// The word of the status.
pub(crate) fn status_word(case: &Case) -> &'static str {
    status(case).word
}
