//! The provider's answers: checked against what was asked before anything is believed.
//!
//! An answer that does not fit is never turned into a fact. It is set aside with the reason
//! `provider_mismatch`. An authorisation about which the provider says something else than was asked
//! is *disputed* meanwhile: its reference is kept, so that it can be let go when the purchase ends,
//! and a later answer that does fit still counts.

use runtime::{Decision, Refusal};

use crate::{
    decide::Paying,
    event::{Ask, Call, Outcome, Said},
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
    if row.state == State::Expected {
        return Err(Refusal::decide(
            "unasked_answer",
            format!("an answer to {} before anything was asked", call.as_str()),
        ));
    }
    if let (Call::Release, Outcome::Released { .. }, State::Declined) = (call, outcome, row.state) {
        // The purchase had ended when it was given up; nothing follows from what was let go since.
        return Ok(Decision::Ignored("released_after_its_end"));
    }
    if !is_waiting(row, call) {
        return Ok(Decision::Duplicate);
    }
    match outcome {
        Outcome::Done(said) => match difference(&asked(row), call, said) {
            None => paying.done(call, &said.intent, said.refund.as_deref())?,
            Some(detail) => return disputed(paying, call, Some(said), &detail),
        },
        Outcome::Released { .. } => paying.done(call, "", None)?,
        Outcome::Declined { reason, attempts } => match call {
            Call::Authorise => paying.declined(reason),
            Call::Capture => paying.not_captured(reason.clone(), *attempts)?,
            Call::Void | Call::Refund | Call::Release => {
                return Err(refused(call, &format!("declined: {reason}")));
            }
        },
        Outcome::Rejected { code, detail } => match call {
            Call::Authorise => paying.declined(code),
            Call::Capture => paying.not_captured(code.clone(), 1)?,
            Call::Void | Call::Refund | Call::Release => {
                return Err(refused(call, &format!("{code}: {detail}")));
            }
        },
        Outcome::Untraced => match call {
            Call::Authorise => {
                paying.declined("provider_error");
                paying.ask(Call::Release)?;
            }
            // Only an authorisation has no reference to be asked for by.
            other => return Err(refused(other, "it left no trace")),
        },
        Outcome::Mismatch { detail } => return disputed(paying, call, None, detail),
    }
    Ok(Decision::Applied)
}

/// Whether an answer to a call can still matter.
fn is_waiting(row: &Payment, call: Call) -> bool {
    match call {
        Call::Authorise => matches!(row.state, State::Authorising | State::Disputed),
        Call::Void | Call::Release => row.state == State::Voiding,
        Call::Capture => row.state == State::Capturing,
        Call::Refund => row.state == State::Refunding,
    }
}

/// An answer that does not fit is set aside; what it says about a first authorisation is kept.
fn disputed(
    paying: &mut Paying<'_>,
    call: Call,
    said: Option<&Said>,
    detail: &str,
) -> Result<Decision, Refusal> {
    let detail = format!("{}: {detail}", call.as_str());
    if call != Call::Authorise || paying.row.state == State::Disputed {
        return Err(Refusal::decide("provider_mismatch", detail));
    }
    let ours = said.filter(|said| is_of(said, &paying.row.purchase_id) && is_named(&said.intent));
    paying.dispute(ours.map(|said| said.intent.clone()), detail);
    Ok(Decision::Applied)
}

fn refused(call: Call, why: &str) -> Refusal {
    Refusal::decide("provider_refused", format!("{}: {why}", call.as_str()))
}

/// What a row asks of the provider, whatever the call.
fn asked(row: &Payment) -> Ask {
    Ask {
        purchase_id: row.purchase_id.clone(),
        amount_minor: row.card_minor,
        currency: row.currency.clone().unwrap_or_default(),
        payment_method: None,
        // Of a disputed authorisation another answer may name another intent.
        provider_ref: (row.provider_ref.clone()).filter(|_| row.state != State::Disputed),
    }
}

/// Compares what the provider says with what it was asked; names the first difference.
#[must_use]
pub fn difference(ask: &Ask, call: Call, said: &Said) -> Option<String> {
    // Letting go of too much or too little is still letting go of all of it.
    if call != Call::Void && !mutants::on("provider-amount-not-compared") {
        if said.amount_minor != ask.amount_minor {
            return Some(format!(
                "amount {} where {} was asked",
                said.amount_minor, ask.amount_minor
            ));
        }
        if !said.currency.eq_ignore_ascii_case(&ask.currency) {
            return Some(format!(
                "currency {} where {} was asked",
                said.currency, ask.currency
            ));
        }
    }
    if !is_of(said, &ask.purchase_id) {
        return Some("a purchase other than the one that was asked for".to_owned());
    }
    if !is_named(&said.intent) {
        return Some("no payment intent named".to_owned());
    }
    let ours = ask.provider_ref.as_deref();
    if call != Call::Authorise && ours != Some(said.intent.as_str()) {
        return Some(format!("payment intent {} is not ours", said.intent));
    }
    if call == Call::Refund && !said.refund.as_deref().is_some_and(is_named) {
        return Some("no refund named".to_owned());
    }
    None
}

fn is_of(said: &Said, purchase_id: &str) -> bool {
    (said.purchase_id.as_deref()).is_none_or(|id| id == purchase_id)
}

fn is_named(reference: &str) -> bool {
    !reference.is_empty() && reference.len() <= 255
}
