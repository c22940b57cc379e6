//! A journal record: one request's effect and its reply, written and read as one.
//!
//! Effect, idempotency key and reply share a record, so that no crash can keep one without the
//! others. The same `apply` takes records at start and while serving.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::intent::{Refund, Status, Terms};

/// One request that took effect or had its reply saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// 1, 2, 3, ... without gaps.
    pub(crate) sequence: u64,
    /// Microseconds since the epoch.
    pub(crate) at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyMark>,
    pub(crate) change: Change,
    pub(crate) reply: Reply,
}

/// The idempotency key under which the reply is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyMark {
    pub(crate) scope: Scope,
    pub(crate) key: String,
    /// Of method, path and parameters.
    pub(crate) fingerprint: Uuid,
}

/// Whose keys: the provider and the carrier know nothing of each other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Provider,
    Carrier,
}

/// What a request changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Change {
    Nothing,
    Opened {
        terms: Terms,
        status: Status,
        /// Why the card was declined, when it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decline_code: Option<String>,
    },
    Captured(Movement),
    /// `amount_minor` is what was held: 0 when nothing was.
    Voided {
        #[serde(flatten)]
        movement: Movement,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Refunded(Refund),
    HandedOver(Shipment),
    Refused {
        shipment_id: String,
        purchase_id: String,
    },
}

/// Money that moved on an intent; repeats what the intent says, so that a reader of the journal
/// needs no state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Movement {
    pub(crate) intent_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) purchase_id: Option<String>,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
}

/// Goods that the carrier took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) shipment_id: String,
    pub(crate) purchase_id: String,
    pub(crate) tier: String,
    pub(crate) carrier: String,
    pub(crate) tracking: String,
}

/// What was answered, as a reference to the state that the change led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// The intent; `skew_minor` is a lie told on request.
    Intent { intent_id: String, skew_minor: i64 },
    /// The refund made by this record.
    Refund { skew_minor: i64 },
    /// The shipment taken by this record.
    Shipment,
    /// A shipment taken by an earlier record.
    KnownShipment { shipment_id: String },
    /// An error of the provider.
    Failure(Box<Failure>),
    /// An error of the carrier.
    CarrierFailure {
        status: u16,
        code: String,
        message: String,
    },
}

/// An error in Stripe's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    #[serde(rename = "type")]
    pub(crate) kind: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decline_code: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) param: Option<Cow<'static, str>>,
    pub(crate) message: Cow<'static, str>,
    /// The intent that is shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) intent_id: Option<String>,
}
