//! What payment takes in, and the form in which it speaks with its worker.

use schemas::Event;
use serde::{Deserialize, Serialize};

/// An input of the group.
#[derive(Debug, Clone, PartialEq)]
pub enum PaymentEvent {
    /// A record of a topic.
    Event(Event),
    /// What the provider said.
    Answer {
        /// The purchase.
        purchase_id: String,
        /// What it was asked.
        call: Call,
        /// What it said.
        outcome: Outcome,
    },
}

impl PaymentEvent {
    /// The purchase of which the row is needed; none when the event is no concern of payment's.
    #[must_use]
    pub fn concerns(&self) -> Option<&str> {
        use schemas::Fact::{PurchaseCancelled, ShipmentHandedOver, StockRejected};
        match self {
            Self::Answer { purchase_id, .. } => Some(purchase_id),
            Self::Event(Event::Purchase(purchase)) => Some(&purchase.purchase_id),
            Self::Event(Event::Fact(
                fact @ (StockRejected(_) | ShipmentHandedOver(_) | PurchaseCancelled(_)),
            )) => fact.purchase_id(),
            Self::Event(_) => None,
        }
    }
}

/// What the provider is asked: the kind of a task, and the step in its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Hold the money.
    Authorise,
    /// Let go of it.
    Void,
    /// Take it.
    Capture,
    /// Give it back.
    Refund,
    /// Let go of whatever is held for the purchase, though no reference of it is known.
    Release,
}

impl Call {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorise => "authorise",
            Self::Void => "void",
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Release => "release",
        }
    }

    /// The call of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Authorise,
            Self::Void,
            Self::Capture,
            Self::Refund,
            Self::Release,
        ]
        .into_iter()
        .find(|call| call.as_str() == word)
    }
}

/// What the worker is given: a task's payload. It repeats everything that the call needs, so that
/// trying again, days later and by another process, sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The purchase.
    pub purchase_id: String,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    /// The card, for an authorisation.
    pub payment_method: Option<String>,
    /// The payment intent, for what comes after it.
    pub provider_ref: Option<String>,
}

/// What the worker brings back: a task's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is done, as far as the provider says; what it says is checked against what was asked.
    Done(Said),
    /// The provider refuses for good, for a reason of the customer's or the card's.
    Declined {
        /// The provider's word.
        reason: String,
        /// How often it was tried.
        attempts: i32,
    },
    /// The provider says that the request is wrong, and holds nothing of it.
    Rejected {
        /// The provider's word for it.
        code: String,
        /// Its words for a person.
        #[serde(default)]
        detail: String,
    },
    /// The provider fails and shows nothing of the call, and will not say more: it is given up. What
    /// it may hold all the same has still to be let go.
    Untraced,
    /// Nothing is held for the purchase any more.
    Released {
        /// What was found and let go.
        intents: Vec<String>,
    },
    /// The provider holds something else than what was asked.
    Mismatch {
        /// What differs.
        detail: String,
    },
}

/// What the provider says that it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The payment intent.
    pub intent: String,
    /// The refund, for a refund.
    pub refund: Option<String>,
    /// How much it holds, let go of, took or gave back.
    pub amount_minor: i64,
    /// ISO 4217, in the provider's lower case.
    pub currency: String,
    /// The purchase that it was told, where its reply repeats it.
    pub purchase_id: Option<String>,
}
