//! Capturing, cancelling and refunding: Stripe's state machine of a payment intent.

use std::sync::Arc;

use super::{Outcome, failure, object_id};
use crate::state::{
    State,
    intent::{Intent, Refund, Status},
    record::{Change, Failure, Movement, Reply},
};

fn find<'a>(
    state: &'a State,
    intent_id: &str,
    status: u16,
) -> Result<&'a Arc<Intent>, Box<Failure>> {
    let param = if status == 404 {
        "intent"
    } else {
        "payment_intent"
    };
    state
        .intent(intent_id)
        .ok_or_else(|| failure::missing(status, "payment_intent", intent_id, param))
}

fn movement(intent: &Intent, amount_minor: i64) -> Movement {
    Movement {
        intent_id: intent.terms.intent_id.clone(),
        purchase_id: intent.terms.purchase_id().map(str::to_owned),
        amount_minor,
        currency: intent.terms.currency.clone(),
    }
}

fn shown(intent: &Intent) -> Reply {
    Reply::Intent {
        intent_id: intent.terms.intent_id.clone(),
        skew_minor: 0,
    }
}

/// Takes what is held, or a part of it and gives the rest back. What has lapsed was let go: that
/// comes to light here, and is answered like any capture of an intent that was cancelled.
/// <https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>
pub(super) fn capture(
    state: &State,
    intent_id: &str,
    amount_minor: Option<i64>,
    lapsed: bool,
) -> Result<Outcome, Box<Failure>> {
    let intent = find(state, intent_id, 404)?;
    let not_capturable = |status: Status| {
        let status = status.as_str();
        failure::unexpected_state(
            intent_id,
            format!(
                "This PaymentIntent could not be captured because it has a status of {status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture."
            ),
        )
    };
    if intent.status != Status::RequiresCapture {
        return Err(not_capturable(intent.status));
    }
    if lapsed {
        let change = Change::Voided {
            movement: movement(intent, intent.capturable_minor()),
            reason: Some("automatic".to_owned()),
        };
        let reply = Reply::Failure(not_capturable(Status::Canceled));
        return Ok((change, reply));
    }
    let held = intent.capturable_minor();
    let amount = amount_minor.unwrap_or(held);
    if amount > held {
        return Err(failure::invalid(
            "amount_too_large",
            "amount_to_capture",
            format!(
                "The provided capture amount of {amount} is greater than the amount of {held} that can be captured."
            ),
        ));
    }
    Ok((Change::Captured(movement(intent, amount)), shown(intent)))
}

/// Gives up what is not captured.
pub(super) fn cancel(
    state: &State,
    intent_id: &str,
    reason: Option<&str>,
) -> Result<Outcome, Box<Failure>> {
    let intent = find(state, intent_id, 404)?;
    if matches!(intent.status, Status::Succeeded | Status::Canceled) {
        let status = intent.status.as_str();
        return Err(failure::unexpected_state(
            intent_id,
            format!(
                "You cannot cancel this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action."
            ),
        ));
    }
    let change = Change::Voided {
        movement: movement(intent, intent.capturable_minor()),
        reason: reason.map(str::to_owned),
    };
    Ok((change, shown(intent)))
}

/// Gives back what was captured, or a part of it.
pub(super) fn refund(
    state: &State,
    intent_id: &str,
    amount_minor: Option<i64>,
    reason: Option<&str>,
    at: i64,
    name: &str,
) -> Result<Outcome, Box<Failure>> {
    let intent = find(state, intent_id, 400)?;
    if intent.status != Status::Succeeded {
        return Err(failure::unexpected_state(
            intent_id,
            format!(
                "This PaymentIntent ({intent_id}) does not have a successful charge to refund."
            ),
        ));
    }
    let left = intent.refundable_minor();
    if left == 0 {
        let message = format!("The charge of {intent_id} has already been refunded.");
        return Err(failure::invalid(
            "charge_already_refunded",
            "payment_intent",
            message,
        ));
    }
    let amount = amount_minor.unwrap_or(left);
    if amount > left {
        return Err(failure::invalid_value(
            "amount",
            format!(
                "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})."
            ),
        ));
    }
    let refund = Refund {
        refund_id: object_id("re", name),
        amount_minor: amount,
        currency: intent.terms.currency.clone(),
        intent_id: intent_id.to_owned(),
        purchase_id: intent.terms.purchase_id().map(str::to_owned),
        reason: reason.map(str::to_owned),
        created_at: at,
    };
    Ok((Change::Refunded(refund), Reply::Refund { skew_minor: 0 }))
}
