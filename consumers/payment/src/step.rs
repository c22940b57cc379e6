//! What is to be done next: a function of the row, so that the order in which facts came in cannot
//! matter beyond what they had already set in motion.

use crate::{rows::Payment, state::State};

/// Something that is to be done about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hold the money.
    Authorise,
    /// The purchase had ended before the money was asked for: state that nothing is held.
    EndUnasked,
    /// Let go of what is held.
    Void,
    /// Let go of whatever is held, without a reference of it.
    Release,
    /// Take what is held.
    Capture,
    /// Give back what was taken.
    Refund,
    /// The goods are gone, and no money is held that could be taken.
    OweForGoods,
    /// The goods come back that were never paid: the customer owes nothing for them any more.
    Credit,
}

/// What is to be done next; none while the provider is being asked, or when all is done.
///
/// Goods that are gone are paid for before anything is given back, so a purchase that was both
/// handed over and cancelled is captured first and then refunded. Once the goods are gone, a
/// rejection by inventory ends nothing any more: only dispatch cancels.
#[must_use]
pub fn next_step(row: &Payment) -> Option<Step> {
    let cancelled = row.cancelled_by.is_some();
    let handed_over = row.handed_over_by.is_some();
    let rejected = row.rejected_by.is_some() && !handed_over;
    match row.state {
        State::Expected if row.purchase_event_id.is_none() => None,
        State::Expected if cancelled || rejected => Some(Step::EndUnasked),
        State::Expected => Some(Step::Authorise),
        State::Authorised if handed_over => Some(Step::Capture),
        State::Authorised if cancelled || rejected => Some(Step::Void),
        State::Disputed if cancelled || rejected => match row.provider_ref {
            Some(_) => Some(Step::Void),
            None => Some(Step::Release),
        },
        State::Captured if cancelled => Some(Step::Refund),
        State::CaptureFailed if cancelled => Some(Step::Credit),
        State::Declined | State::Voided if handed_over && !cancelled => Some(Step::OweForGoods),
        State::Authorised
        | State::Captured
        | State::Declined
        | State::Voided
        | State::Authorising
        | State::Disputed
        | State::Voiding
        | State::Capturing
        | State::Refunding
        | State::Refunded
        | State::CaptureFailed
        | State::Credited => None,
    }
}

/// Why a payment ends without money: dispatch's word, or that inventory had no stock.
#[must_use]
pub fn ending_reason(row: &Payment) -> String {
    row.cancel_reason
        .clone()
        .unwrap_or_else(|| "no_stock".to_owned())
}

/// The event that ended it.
#[must_use]
pub fn ended_by(row: &Payment) -> String {
    (row.cancelled_by.clone())
        .or_else(|| row.rejected_by.clone())
        .unwrap_or_default()
}
