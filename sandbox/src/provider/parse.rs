//! From a form to a command: every check that Stripe makes before a request begins to execute.

use super::{Command, Create, Form, failure, methods};
use crate::state::record::Failure;

/// Stripe's bound of eight digits.
pub(super) const AMOUNT_MINOR_MAX: i64 = 99_999_999;

const REFUND_REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];
const CANCEL_REASONS: [&str; 4] = [
    "duplicate",
    "fraudulent",
    "requested_by_customer",
    "abandoned",
];

/// `POST /v1/payment_intents`
pub(crate) fn create(form: &Form) -> Result<Command, Box<Failure>> {
    form.only(
        &[
            "amount",
            "currency",
            "payment_method",
            "capture_method",
            "confirm",
            "description",
            "off_session",
            "return_url",
        ],
        &[
            "metadata",
            "payment_method_types",
            "automatic_payment_methods",
            "expand",
        ],
    )?;
    form.required("amount")?;
    let amount_minor = form.amount("amount")?.unwrap_or_default();
    let currency = form.required("currency")?;
    let well_formed = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase());
    if !well_formed || currency == "xxx" {
        return Err(failure::invalid_value(
            "currency",
            format!(
                "Invalid currency: {currency}. Three lower-case letters of ISO 4217 are expected."
            ),
        ));
    }
    if form.get("capture_method") != Some("manual") {
        return Err(failure::invalid_value(
            "capture_method",
            "Only capture_method=manual is supported here.",
        ));
    }
    let confirm = form.flag("confirm")?;
    let payment_method = form.get("payment_method");
    if let Some(unknown) = payment_method.filter(|method| methods::verdict(method).is_none()) {
        return Err(failure::missing(
            400,
            "PaymentMethod",
            unknown,
            "payment_method",
        ));
    }
    if confirm && payment_method.is_none() {
        return Err(failure::invalid(
            "parameter_missing",
            "payment_method",
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
        ));
    }
    Ok(Command::Create(Create {
        amount_minor,
        currency: currency.to_owned(),
        payment_method: payment_method.map(str::to_owned),
        confirm,
        metadata: form.metadata()?,
    }))
}

/// `POST /v1/payment_intents/{id}/capture`; `lapsed` is whether the authorisation did so by now.
pub(crate) fn capture(intent_id: &str, lapsed: bool, form: &Form) -> Result<Command, Box<Failure>> {
    form.only(&["amount_to_capture"], &["expand"])?;
    Ok(Command::Capture {
        intent_id: intent_id.to_owned(),
        amount_minor: form.amount("amount_to_capture")?,
        lapsed,
    })
}

/// `POST /v1/payment_intents/{id}/cancel`
pub(crate) fn cancel(intent_id: &str, form: &Form) -> Result<Command, Box<Failure>> {
    form.only(&["cancellation_reason"], &["expand"])?;
    Ok(Command::Cancel {
        intent_id: intent_id.to_owned(),
        reason: form.word("cancellation_reason", &CANCEL_REASONS)?,
    })
}

/// `POST /v1/refunds`
pub(crate) fn refund(form: &Form) -> Result<Command, Box<Failure>> {
    form.only(
        &["payment_intent", "amount", "reason"],
        &["metadata", "expand"],
    )?;
    Ok(Command::Refund {
        intent_id: form.required("payment_intent")?.to_owned(),
        amount_minor: form.amount("amount")?,
        reason: form.word("reason", &REFUND_REASONS)?,
    })
}
