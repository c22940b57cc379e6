//! Creating and confirming an intent: held, declined, or in want of something.

use super::{
    Create, Outcome, failure,
    methods::{Verdict, verdict},
    object_id,
};
use crate::state::{
    intent::{Status, Terms},
    record::{Change, Failure, Reply},
};

pub(super) fn decide(create: &Create, at: i64, name: &str) -> Result<Outcome, Box<Failure>> {
    let intent_id = object_id("pi", name);
    let intent = Reply::Intent {
        intent_id: intent_id.clone(),
        skew_minor: 0,
    };
    let (status, decline_code, reply) = match (&create.payment_method, create.confirm) {
        (None, _) => (Status::RequiresPaymentMethod, None, intent),
        (Some(_), false) => (Status::RequiresConfirmation, None, intent),
        (Some(method), true) => match verdict(method) {
            Some(Verdict::Good) => (Status::RequiresCapture, None, intent),
            Some(Verdict::Authenticate) => (Status::RequiresAction, None, intent),
            Some(Verdict::Declined {
                code,
                decline_code,
                message,
            }) => (
                Status::RequiresPaymentMethod,
                Some(decline_code.unwrap_or(code).to_owned()),
                Reply::Failure(failure::card(code, decline_code, message, &intent_id)),
            ),
            None => {
                return Err(failure::missing(
                    400,
                    "PaymentMethod",
                    method,
                    "payment_method",
                ));
            }
        },
    };
    let terms = Terms {
        intent_id,
        amount_minor: create.amount_minor,
        currency: create.currency.clone(),
        payment_method: create.payment_method.clone(),
        metadata: create.metadata.clone(),
        created_at: at,
    };
    Ok((
        Change::Opened {
            terms,
            status,
            decline_code,
        },
        reply,
    ))
}
