//! The provider's answers: checked against what was asked before anything is believed.
//!
//! An answer that does not fit is never turned into a fact. It is set aside with the reason
//! `provider_mismatch`, and the payment stays where it was: held, until a person has looked.

use runtime::{Decision, Refusal};

use crate::{
    decide::Paying,
    event::{Call, Outcome, Said},
    rows::Payment,
    state::State,
};

/// Applies an answer.
pub(crate) fn settle(
    paying: &mut Paying<'_>,
    call: Call,
    outcome: &Outcome,
) -> Result<Decision, Refusal> {
    let row = &*paying.row;
    let waiting = match call {
        Call::Authorise => State::Authorising,
        Call::Void => State::Voiding,
        Call::Capture => State::Capturing,
        Call::Refund => State::Refunding,
    };
    if row.state == State::Expected {
        return Err(Refusal::decide(
            "unasked_answer",
            format!("an answer to {} before anything was asked", call.as_str()),
        ));
    }
    if row.state != waiting {
        return Ok(Decision::Duplicate);
    }
    match outcome {
        Outcome::Done(said) => {
            check(row, call, said).map_err(|detail| mismatch(call, &detail))?;
            paying.done(call, &said.intent, said.refund.as_deref())?;
        }
        Outcome::Declined { reason, attempts } => match call {
            Call::Authorise => paying.declined(reason),
            Call::Capture => paying.not_captured(reason.clone(), *attempts)?,
            Call::Void | Call::Refund => {
                return Err(Refusal::decide(
                    "provider_refused",
                    format!("{} was declined: {reason}", call.as_str()),
                ));
            }
        },
        Outcome::Rejected { code } => {
            return Err(Refusal::decide(
                "provider_refused",
                format!("{}: {code}", call.as_str()),
            ));
        }
        Outcome::Mismatch { detail } => return Err(mismatch(call, detail)),
    }
    Ok(Decision::Applied)
}

fn mismatch(call: Call, detail: &str) -> Refusal {
    Refusal::decide("provider_mismatch", format!("{}: {detail}", call.as_str()))
}

/// Compares what the provider says with what it was asked; names the first difference.
fn check(row: &Payment, call: Call, said: &Said) -> Result<(), String> {
    if said.amount_minor != row.card_minor {
        return Err(format!(
            "amount {} where {} was asked",
            said.amount_minor, row.card_minor
        ));
    }
    let currency = row.currency.as_deref().unwrap_or_default();
    if !said.currency.eq_ignore_ascii_case(currency) {
        return Err(format!(
            "currency {} where {currency} was asked",
            said.currency
        ));
    }
    if let Some(other) = (said.purchase_id.as_deref()).filter(|id| *id != row.purchase_id) {
        return Err(format!("purchase {other} where another was asked"));
    }
    let reference = |id: &str| !id.is_empty() && id.len() <= 255;
    if !reference(&said.intent) {
        return Err("no payment intent named".to_owned());
    }
    if call != Call::Authorise && row.provider_ref.as_deref() != Some(said.intent.as_str()) {
        return Err(format!("payment intent {} is not ours", said.intent));
    }
    if call == Call::Refund && !said.refund.as_deref().is_some_and(reference) {
        return Err("no refund named".to_owned());
    }
    Ok(())
}
