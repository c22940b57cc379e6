//! What is to be done next about a purchase: a function of its row.
//!
//! The handshake: paid and reserved, a shipment is *requested*; inventory then makes the
//! reservation firm or says that it cannot; only on a firm reservation is the carrier asked. So
//! goods are never handed over on a reservation that lapsed in between.

use crate::{rows::Dispatch, state::State};

/// Something that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask inventory, by a fact, to make the reservation firm.
    Request,
    /// Ask the carrier to take the goods.
    HandOver,
    /// End the purchase without a shipment.
    Cancel(Reason),
    /// End the purchase though the goods are gone: they come back.
    Return,
}

/// Why a purchase ends without a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it in time.
    Customer,
    /// The money is not held.
    Declined,
    /// There is no stock.
    NoStock,
    /// The reservation lapsed before the purchase was paid.
    Expired,
    /// An answer did not come in time.
    AnswersLate,
    /// The carrier does not take the goods.
    CarrierRefused,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Customer,
        Self::Declined,
        Self::NoStock,
        Self::Expired,
        Self::AnswersLate,
        Self::CarrierRefused,
    ];

    /// The word in the fact.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Declined => "declined",
            Self::NoStock => "no_stock",
            Self::Expired => "expired",
            Self::AnswersLate => "answers_late",
            Self::CarrierRefused => "carrier_refused",
        }
    }
}

/// What is to be done next; none while an answer is awaited, or when it is over.
#[must_use]
pub fn next_step(row: &Dispatch) -> Option<Step> {
    match row.state {
        State::Waiting | State::Requested => {}
        // A wish to cancel that could not stop the shipment any more.
        State::HandedOver if row.cancellation_by.is_some() => return Some(Step::Return),
        State::HandingOver | State::HandedOver | State::Returned | State::Cancelled => return None,
    }
    if let Some(reason) = reason_to_cancel(row) {
        return Some(Step::Cancel(reason));
    }
    let is_paid = row.is_paid() || mutants::on("shipped-unpaid");
    let ready = row.purchase_event_id.is_some() && is_paid && row.is_reserved();
    match row.state {
        State::Waiting if ready => Some(Step::Request),
        State::Requested if ready && row.firm_by.is_some() => Some(Step::HandOver),
        _ => None,
    }
}

/// Why it must end now. A lapse counts only before the shipment was requested: after that,
/// inventory tries again and answers firm or rejected.
fn reason_to_cancel(row: &Dispatch) -> Option<Reason> {
    let waiting = row.state == State::Waiting;
    let no_stock_says_payment = row.void_reason.as_deref() == Some("no_stock");
    if row.cancellation_by.is_some() {
        Some(Reason::Customer)
    } else if row.declined_by.is_some() {
        Some(Reason::Declined)
    } else if row.rejected_by.is_some() || no_stock_says_payment {
        Some(Reason::NoStock)
    } else if row.voided_by.is_some() {
        Some(Reason::Declined)
    } else if waiting && row.expired_by.is_some() {
        Some(Reason::Expired)
    } else if waiting && row.answers_late {
        Some(Reason::AnswersLate)
    } else {
        None
    }
}

/// The event because of which it is cancelled.
#[must_use]
pub fn cancelled_by(row: &Dispatch, reason: Reason) -> String {
    let known = match reason {
        Reason::Customer => row.cancellation_by.clone(),
        Reason::Declined => row.declined_by.clone().or_else(|| row.voided_by.clone()),
        Reason::NoStock => row.rejected_by.clone().or_else(|| row.voided_by.clone()),
        Reason::Expired => row.expired_by.clone(),
        Reason::AnswersLate => row.purchase_event_id.clone(),
        Reason::CarrierRefused => row.firm_by.clone(),
    };
    known.unwrap_or_else(|| row.opened_by.clone())
}

/// What the goods wait for, when ship-by has come.
#[must_use]
pub fn waiting_for(row: &Dispatch) -> &'static str {
    match row.state {
        State::Waiting => "answers",
        State::Requested => "reservation",
        State::HandingOver => "carrier",
        State::HandedOver | State::Returned | State::Cancelled => "nothing",
    }
}
