//! Asking what the provider holds, where posting again under the same key cannot tell.
//!
//! An intent or its refunds, asked for by reference, are conclusive either way. The search by
//! purchase is not: its index lags behind, so finding nothing proves nothing before it has had its
//! time.

use remote::Later;
use serde_json::Value;

use super::{provider::Provider, reading, reply::Reply};
use crate::event::{Ask, Call, Outcome};

/// What the provider holds.
#[derive(Debug)]
pub(crate) enum Found {
    /// The call had this outcome.
    Outcome(Outcome),
    /// It was not made, and making it now cannot make it twice.
    NotDone,
    /// The search shows nothing of an authorisation.
    Nothing,
    /// The provider could not be asked.
    Later(Later),
}

impl Provider {
    /// Finds out what became of a call.
    pub(crate) async fn look_up(&self, call: Call, ask: &Ask) -> Found {
        match ask.provider_ref.as_deref() {
            Some(intent) => self.look_at(call, intent).await,
            None => match self.search(&ask.purchase_id).await {
                Ok(intents) => authorised_among(&intents),
                Err(later) => Found::Later(later),
            },
        }
    }

    /// Finds out what became of a call from the object that its reply named.
    pub(crate) async fn look_again(&self, call: Call, ask: &Ask, body: &Value) -> Found {
        match (call, body.get("id").and_then(Value::as_str)) {
            (Call::Authorise, Some(intent)) => self.look_at(call, intent).await,
            _ => self.look_up(call, ask).await,
        }
    }

    /// Finds out what became of a call from its intent.
    pub(crate) async fn look_at(&self, call: Call, intent: &str) -> Found {
        let read = match call {
            Call::Refund => self.refunds(intent).await,
            _ => self.intent(intent).await,
        };
        match read {
            Reply::Body(body) if call == Call::Refund => refunded_among(&body),
            Reply::Body(body) => settled(call, &body),
            Reply::Later(later) | Reply::ServerError { later, .. } => Found::Later(later),
            // An intent that the provider named, and does not know: nothing can be concluded.
            Reply::Rejected { code, .. } => Found::Outcome(Outcome::Mismatch {
                detail: format!("the intent cannot be read: {code}"),
            }),
            Reply::Declined { .. } | Reply::KeyOfOtherParameters => {
                Found::Later(Later::busy("the intent cannot be read"))
            }
        }
    }

    /// The intents that name a purchase, as far as the search knows.
    pub(crate) async fn search(&self, purchase_id: &str) -> Result<Vec<Value>, Later> {
        match self.find(purchase_id).await {
            Reply::Body(body) => Ok(list(&body)?.to_vec()),
            Reply::Later(later) | Reply::ServerError { later, .. } => Err(later),
            other => Err(Later::busy(format!("the search was answered {other:?}"))),
        }
    }
}

/// A body without a list is no answer: an empty list would say that there is nothing.
fn list(body: &Value) -> Result<&[Value], Later> {
    (body.get("data").and_then(Value::as_array))
        .map(Vec::as_slice)
        .ok_or_else(|| Later::unwell("a list without data"))
}

/// What the purchase's intents say about its authorisation: there should be one.
fn authorised_among(intents: &[Value]) -> Found {
    match intents {
        [] => Found::Nothing,
        [intent] => from_reading(Call::Authorise, intent),
        several => Found::Outcome(Outcome::Mismatch {
            detail: format!("{} intents of one purchase", several.len()),
        }),
    }
}

/// What an intent says about a call that was made for it.
fn settled(call: Call, intent: &Value) -> Found {
    match (call, intent.get("status").and_then(Value::as_str)) {
        (Call::Void | Call::Capture, Some("requires_capture")) => Found::NotDone,
        _ => from_reading(call, intent),
    }
}

fn refunded_among(body: &Value) -> Found {
    match list(body) {
        Ok([]) => Found::NotDone,
        Ok([refund]) => from_reading(Call::Refund, refund),
        Ok(several) => Found::Outcome(Outcome::Mismatch {
            detail: format!("{} refunds of one intent", several.len()),
        }),
        Err(later) => Found::Later(later),
    }
}

fn from_reading(call: Call, body: &Value) -> Found {
    match reading::outcome(call, body) {
        Ok(outcome) => Found::Outcome(outcome),
        Err(later) => Found::Later(later),
    }
}
