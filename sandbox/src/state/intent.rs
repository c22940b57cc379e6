//! A payment intent: what was agreed once, and what became of it.
//!
//! A state of an intent is never changed in place. Every change makes a new one beside the old, so
//! a saved reply is a pointer to the state that it showed, and a search can show an older one.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// What does not change after creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// `pi_...`
    pub(crate) intent_id: String,
    pub(crate) amount_minor: i64,
    /// ISO 4217, lower case as Stripe writes it.
    pub(crate) currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payment_method: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Microseconds since the epoch.
    pub(crate) created_at: i64,
}

impl Terms {
    /// The purchase it was created for, if the caller named one.
    pub(crate) fn purchase_id(&self) -> Option<&str> {
        self.metadata.get("purchase_id").map(String::as_str)
    }
}

/// Stripe's words for where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Declined, or created without a card.
    RequiresPaymentMethod,
    /// Created with a card and not confirmed.
    RequiresConfirmation,
    /// The customer would have to authenticate.
    RequiresAction,
    /// The money is held.
    RequiresCapture,
    /// Given up; final.
    Canceled,
    /// Captured; final but for refunds.
    Succeeded,
}

impl Status {
    pub(crate) const ALL: [Self; 6] = [
        Self::RequiresPaymentMethod,
        Self::RequiresConfirmation,
        Self::RequiresAction,
        Self::RequiresCapture,
        Self::Canceled,
        Self::Succeeded,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::RequiresCapture => "requires_capture",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// One state of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) terms: Arc<Terms>,
    pub(crate) status: Status,
    /// Captured, minor units.
    pub(crate) received_minor: i64,
    /// Given back of what was captured, minor units.
    pub(crate) refunded_minor: i64,
    pub(crate) cancelled_at: Option<i64>,
    pub(crate) cancellation_reason: Option<String>,
    /// The journal record that made this state, and its time.
    pub(crate) sequence: u64,
    pub(crate) changed_at: i64,
}

impl Intent {
    /// What is held and may be captured.
    pub(crate) fn capturable_minor(&self) -> i64 {
        if self.status == Status::RequiresCapture {
            self.terms.amount_minor
        } else {
            0
        }
    }

    /// What was captured and not given back.
    pub(crate) fn refundable_minor(&self) -> i64 {
        self.received_minor - self.refunded_minor
    }
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refund {
    /// `re_...`
    pub(crate) refund_id: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) intent_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) purchase_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) created_at: i64,
}
