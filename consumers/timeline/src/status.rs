//! The status of a purchase, as a function of which facts are known about it.
//!
//! It is separate because it carries the promise that a customer sees: facts are only ever added,
//! and no added fact leads to a lower rank. The order in which they come plays no part.

use serde::Serialize;

use crate::rows::PurchaseRow;

/// What a customer is told about a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The purchase stands on its topic.
    Accepted,
    /// The money is held; the goods are not, yet.
    Paid,
    /// The goods are held; the money is not, yet.
    Reserved,
    /// The provider refused the payment: it will be cancelled.
    Declined,
    /// The goods are not there: it will be cancelled.
    OutOfStock,
    /// Paid and reserved.
    Ready,
    /// The warehouse was asked to ship.
    ShippingRequested,
    /// The carrier has the goods.
    HandedOver,
    /// The carrier has the goods and the money could not be taken.
    PaymentOverdue,
    /// Handed over and paid for.
    Completed,
    /// It ended without a shipment, or the goods are to come back.
    Cancelled,
    /// It was cancelled and what had been taken was given back.
    Refunded,
}

impl Status {
    /// Every status, by rank.
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Paid,
        Self::Reserved,
        Self::Declined,
        Self::OutOfStock,
        Self::Ready,
        Self::ShippingRequested,
        Self::HandedOver,
        Self::PaymentOverdue,
        Self::Completed,
        Self::Cancelled,
        Self::Refunded,
    ];

    /// Its word, in the table and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Reserved => "reserved",
            Self::Declined => "declined",
            Self::OutOfStock => "out_of_stock",
            Self::Ready => "ready",
            Self::ShippingRequested => "shipping_requested",
            Self::HandedOver => "handed_over",
            Self::PaymentOverdue => "payment_overdue",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }

    /// Its rank. `Paid` and `Reserved` are the two halves of `Ready` and share one.
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Self::Accepted => 10,
            Self::Paid | Self::Reserved => 20,
            Self::Declined => 22,
            Self::OutOfStock => 24,
            Self::Ready => 30,
            Self::ShippingRequested => 40,
            Self::HandedOver => 50,
            Self::PaymentOverdue => 55,
            Self::Completed => 60,
            Self::Cancelled => 70,
            Self::Refunded => 80,
        }
    }

    /// Whether nothing more is expected to happen that a customer waits for.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Refunded)
    }
}

/// The status that the known facts add up to, and when it was reached.
#[must_use]
pub fn derive(row: &PurchaseRow) -> (Status, i64) {
    let halves = (row.authorised_at, row.reserved_at);
    let ready = match halves {
        (Some(paid), Some(reserved)) => Some(paid.max(reserved)),
        _ => None,
    };
    let by_rank_falling = [
        (Status::Refunded, row.refunded_at),
        (Status::Cancelled, row.cancelled_at),
        (Status::Completed, row.captured_at),
        (Status::PaymentOverdue, row.capture_failed_at),
        (Status::HandedOver, row.handed_over_at),
        (Status::ShippingRequested, row.shipping_requested_at),
        (Status::Ready, ready),
        (Status::OutOfStock, row.rejected_at),
        (Status::Declined, row.declined_at),
        (Status::Paid, row.authorised_at),
        (Status::Reserved, row.reserved_at),
    ];
    for (status, at) in by_rank_falling {
        if let Some(at) = at {
            return (status, at);
        }
    }
    (Status::Accepted, row.accepted_at.unwrap_or(row.first_at))
}

/// What became of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancellationOutcome {
    /// Dispatch has not said yet.
    Pending,
    /// The purchase was cancelled because of it.
    Granted,
    /// The purchase was cancelled for another reason before.
    EndedOtherwise,
    /// The goods had been handed over, and no return is granted so far.
    TooLate,
}

impl std::fmt::Display for CancellationOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::EndedOtherwise => "ended otherwise",
            Self::TooLate => "too late",
        })
    }
}

/// What became of the requests to cancel a purchase; none when there was none. Dispatch states no
/// refusal of a request: that it came too late to stop the goods is seen from the hand-over. Should
/// it be granted as a return, that follows.
#[must_use]
pub fn cancellation(row: &PurchaseRow) -> Option<CancellationOutcome> {
    row.cancel_requested_at?;
    Some(match &row.cancel_reason {
        Some(reason) if reason == "customer" => CancellationOutcome::Granted,
        Some(_) => CancellationOutcome::EndedOtherwise,
        None if row.handed_over_at.is_some() => CancellationOutcome::TooLate,
        None => CancellationOutcome::Pending,
    })
}
