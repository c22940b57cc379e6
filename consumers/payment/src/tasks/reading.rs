//! What a payment intent or a refund says about the call that was made: Stripe's states, read
//! strictly. A body that lacks what it must have is no answer.

use remote::{Later, bounded};
use serde_json::Value;

use crate::event::{Call, Outcome, Said};

/// Reads the reply to a call.
///
/// # Errors
/// [`Later`] when the provider has not decided yet, or the body is not what it must be.
pub(crate) fn outcome(call: Call, body: &Value) -> Result<Outcome, Later> {
    match call {
        Call::Refund => refund(body),
        Call::Authorise | Call::Void | Call::Capture | Call::Release => intent(call, body),
    }
}

fn intent(call: Call, body: &Value) -> Result<Outcome, Later> {
    let status = text(body, "status")?;
    let amount = match (call, status) {
        (Call::Authorise, "requires_capture") => "amount_capturable",
        (Call::Capture, "succeeded") => "amount_received",
        (Call::Void, "canceled") => "amount",
        (Call::Authorise, "requires_action" | "requires_confirmation") => {
            return Ok(declined("authentication_required"));
        }
        (Call::Authorise, "requires_payment_method") => {
            let error = body.get("last_payment_error");
            let code = (error.and_then(|error| error.get("decline_code")))
                .or_else(|| error.and_then(|error| error.get("code")))
                .and_then(Value::as_str);
            return Ok(declined(code.unwrap_or(status)));
        }
        (Call::Authorise | Call::Capture, "canceled") => return Ok(declined(status)),
        (_, "processing") => return Err(Later::busy("the provider is still processing")),
        (_, status) => {
            return Ok(Outcome::Mismatch {
                detail: format!("the intent is {} after {}", bounded(status), call.as_str()),
            });
        }
    };
    Ok(Outcome::Done(Said {
        intent: bounded(text(body, "id")?),
        refund: None,
        amount_minor: whole(body, amount)?,
        currency: bounded(text(body, "currency")?),
        purchase_id: (body.get("metadata"))
            .and_then(|metadata| metadata.get("purchase_id"))
            .and_then(Value::as_str)
            .map(str::to_owned),
    }))
}

fn refund(body: &Value) -> Result<Outcome, Later> {
    match text(body, "status")? {
        // While it is pending it may still fail.
        "succeeded" => Ok(Outcome::Done(Said {
            intent: bounded(text(body, "payment_intent")?),
            refund: Some(bounded(text(body, "id")?)),
            amount_minor: whole(body, "amount")?,
            currency: bounded(text(body, "currency")?),
            purchase_id: None,
        })),
        "failed" | "canceled" => Ok(declined("refund_failed")),
        other => Err(Later::busy(format!("the refund is {}", bounded(other)))),
    }
}

fn declined(reason: &str) -> Outcome {
    Outcome::Declined {
        reason: bounded(reason),
        attempts: 0,
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, Later> {
    (body.get(name).and_then(Value::as_str))
        .ok_or_else(|| Later::unwell(format!("a reply without {name}")))
}

fn whole(body: &Value, name: &str) -> Result<i64, Later> {
    (body.get(name).and_then(Value::as_i64))
        .ok_or_else(|| Later::unwell(format!("a reply without a whole {name}")))
}
