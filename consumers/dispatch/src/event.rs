//! What dispatch takes in, and the form in which it speaks with its worker.

use schemas::Event;
use serde::{Deserialize, Serialize};

/// The kind of dispatch's task, and the step in its id.
pub const HAND_OVER: &str = "hand_over";

/// An input of the group.
#[derive(Debug, Clone, PartialEq)]
pub enum DispatchEvent {
    /// A record of a topic.
    Event(Event),
    /// What the carrier said.
    Answer {
        /// The purchase.
        purchase_id: String,
        /// What it said.
        outcome: Outcome,
    },
    /// A time has come.
    Timer {
        /// The purchase.
        purchase_id: String,
        /// Which.
        deadline: Deadline,
    },
}

impl DispatchEvent {
    /// The purchase of which the row is needed; none when the event is no concern of dispatch's.
    #[must_use]
    pub fn concerns(&self) -> Option<&str> {
        use schemas::Fact as F;
        match self {
            Self::Answer { purchase_id, .. } | Self::Timer { purchase_id, .. } => Some(purchase_id),
            Self::Event(
                event @ (Event::Purchase(_)
                | Event::CancellationRequested(_)
                | Event::Fact(
                    F::PaymentAuthorised(_)
                    | F::PaymentDeclined(_)
                    | F::PaymentVoided(_)
                    | F::StockReserved(_)
                    | F::StockRejected(_)
                    | F::StockReleased(_)
                    | F::ReservationExpired(_),
                )),
            ) => event.purchase_id(),
            Self::Event(_) => None,
        }
    }
}

/// A time that dispatch keeps: the kind of a timer, and the step in its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deadline {
    /// Payment and inventory should have answered.
    Answers,
    /// The carrier should have the goods.
    ShipBy,
}

impl Deadline {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::ShipBy => "ship_by",
        }
    }

    /// The deadline of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Answers, Self::ShipBy]
            .into_iter()
            .find(|deadline| deadline.as_str() == word)
    }
}

/// What the worker is given: a task's payload, and the carrier's request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The shipment.
    pub shipment_id: String,
    /// The purchase.
    pub purchase_id: String,
    /// How fast.
    pub tier: String,
}

/// What the worker brings back: a task's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The carrier has the goods, as far as it says.
    HandedOver {
        /// The shipment that it took.
        shipment_id: String,
        /// Its name.
        carrier: String,
        /// Its number.
        tracking: String,
    },
    /// It does not take them, for good.
    Refused,
    /// It says that the request is wrong, and knows of no such shipment.
    Rejected {
        /// Its words for it.
        code: String,
    },
    /// It knows another request under our key or our shipment.
    Mismatch {
        /// What differs.
        detail: String,
    },
}
