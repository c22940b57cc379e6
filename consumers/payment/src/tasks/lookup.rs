//! Asking what the provider holds, where posting again under the same key cannot tell.
//!
//! An intent or its refunds, asked for by reference, are conclusive either way. The search by
//! purchase is not: its index lags behind, so finding nothing proves nothing.

use serde_json::Value;

use super::{
    provider::Provider,
    reading,
    reply::{Later, Reply},
};
use crate::event::{Ask, Call, Outcome};

/// What the provider holds.
#[derive(Debug)]
pub(crate) enum Found {
    /// The call had this outcome.
    Outcome(Outcome),
    /// It was not made, and making it now cannot make it twice.
    NotDone,
    /// It cannot be told.
    Unknown(String),
    /// The provider could not be asked.
    Later(Later),
}

impl Provider {
    /// Finds out what became of a call.
    pub(crate) async fn look_up(&self, call: Call, ask: &Ask) -> Found {
        let Some(intent) = ask.provider_ref.as_deref() else {
            return match self.search(&ask.purchase_id).await {
                Ok(intents) => authorised_among(&intents),
                Err(later) => Found::Later(later),
            };
        };
        let read = match call {
            Call::Refund => self.refunds(intent).await,
            Call::Authorise | Call::Void | Call::Capture => self.intent(intent).await,
        };
        match read {
            Reply::Body(body) if call == Call::Refund => refunded_among(&body),
            Reply::Body(body) => settled(call, &body),
            Reply::Later(later) | Reply::ServerError(later) => Found::Later(later),
            Reply::Rejected { code } => {
                Found::Unknown(format!("the intent cannot be read: {code}"))
            }
            Reply::Declined { .. } | Reply::KeyOfOtherParameters => {
                Found::Unknown("the intent cannot be read".to_owned())
            }
        }
    }

    async fn search(&self, purchase_id: &str) -> Result<Vec<Value>, Later> {
        match self.find(purchase_id).await {
            Reply::Body(body) => Ok(list(&body).to_vec()),
            Reply::Later(later) | Reply::ServerError(later) => Err(later),
            other => Err(Later::busy(format!("the search was answered {other:?}"))),
        }
    }
}

fn list(body: &Value) -> &[Value] {
    (body.get("data").and_then(Value::as_array)).map_or(&[], Vec::as_slice)
}

/// What the purchase's intents say about its authorisation: there should be one.
fn authorised_among(intents: &[Value]) -> Found {
    let [intent] = intents else {
        return match intents.len() {
            0 => Found::Unknown("the search finds no intent of the purchase".to_owned()),
            several => Found::Outcome(Outcome::Mismatch {
                detail: format!("{several} intents of one purchase"),
            }),
        };
    };
    from_reading(Call::Authorise, intent)
}

/// What an intent says about its capture or its cancellation.
fn settled(call: Call, intent: &Value) -> Found {
    match intent.get("status").and_then(Value::as_str) {
        Some("requires_capture") => Found::NotDone,
        _ => from_reading(call, intent),
    }
}

fn refunded_among(body: &Value) -> Found {
    match list(body) {
        [] => Found::NotDone,
        [refund] => from_reading(Call::Refund, refund),
        several => Found::Outcome(Outcome::Mismatch {
            detail: format!("{} refunds of one intent", several.len()),
        }),
    }
}

fn from_reading(call: Call, body: &Value) -> Found {
    match reading::outcome(call, body) {
        Ok(outcome) => Found::Outcome(outcome),
        Err(later) => Found::Later(later),
    }
}
