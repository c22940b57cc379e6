//! A reply kept in memory: pointers to states, written out only when it is sent.
//!
//! Writing out is a pure function of those states, so a replay has the bytes of the first reply,
//! after a restart too.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    intent::{Intent, Refund, Status},
    record::{Failure, Shipment},
};

/// What a request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Intent {
        intent: Arc<Intent>,
        skew_minor: i64,
    },
    Refund {
        refund: Arc<Refund>,
        skew_minor: i64,
    },
    Shipment(Arc<Shipment>),
    Failure {
        failure: Arc<Failure>,
        intent: Option<Arc<Intent>>,
    },
    CarrierFailure {
        status: u16,
        code: Arc<str>,
        message: Arc<str>,
    },
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Intent { .. } | Self::Refund { .. } | Self::Shipment(_) => 200,
            Self::Failure { failure, .. } => failure.status,
            Self::CarrierFailure { status, .. } => *status,
        }
    }

    pub(crate) fn body(&self) -> Value {
        match self {
            Self::Intent { intent, skew_minor } => intent_object(intent, *skew_minor),
            Self::Refund { refund, skew_minor } => refund_object(refund, *skew_minor),
            Self::Shipment(shipment) => json!({
                "shipment_id": shipment.shipment_id,
                "carrier": shipment.carrier,
                "tracking": shipment.tracking,
            }),
            Self::Failure { failure, intent } => failure_object(failure, intent.as_deref()),
            Self::CarrierFailure { code, message, .. } => {
                json!({"error": {"code": &**code, "message": &**message}})
            }
        }
    }
}

const MICROS: i64 = 1_000_000;

/// An intent as Stripe shows it.
pub(crate) fn intent_object(intent: &Intent, skew_minor: i64) -> Value {
    let terms = &intent.terms;
    let capturable = intent.capturable_minor();
    let received = intent.received_minor;
    let skewed = |amount: i64| {
        if amount > 0 {
            amount + skew_minor
        } else {
            amount
        }
    };
    json!({
        "id": terms.intent_id,
        "object": "payment_intent",
        "amount": skewed(terms.amount_minor),
        "amount_capturable": skewed(capturable),
        "amount_received": skewed(received),
        "canceled_at": intent.cancelled_at.map(|at| at / MICROS),
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": "manual",
        "confirmation_method": "automatic",
        "created": terms.created_at / MICROS,
        "currency": terms.currency,
        "livemode": false,
        "metadata": terms.metadata,
        "next_action": (intent.status == Status::RequiresAction)
            .then(|| json!({"type": "use_stripe_sdk", "use_stripe_sdk": {}})),
        "payment_method": match intent.status {
            // A declined card is taken off the intent again.
            Status::RequiresPaymentMethod => None,
            _ => terms.payment_method.as_deref(),
        },
        "payment_method_types": ["card"],
        "status": intent.status.as_str(),
    })
}

/// A refund as Stripe shows it.
pub(crate) fn refund_object(refund: &Refund, skew_minor: i64) -> Value {
    json!({
        "id": refund.refund_id,
        "object": "refund",
        "amount": refund.amount_minor + skew_minor,
        "created": refund.created_at / MICROS,
        "currency": refund.currency,
        "metadata": {},
        "payment_intent": refund.intent_id,
        "reason": refund.reason,
        "status": "succeeded",
    })
}

fn failure_object(failure: &Failure, intent: Option<&Intent>) -> Value {
    let mut error = json!({"type": failure.kind, "message": failure.message});
    if let Some(code) = &failure.code {
        error["code"] = json!(code);
        error["doc_url"] = json!(format!(
            "https://stripe.com/docs/error-codes/{}",
            code.replace('_', "-")
        ));
    }
    if let Some(decline_code) = &failure.decline_code {
        error["decline_code"] = json!(decline_code);
    }
    if let Some(param) = &failure.param {
        error["param"] = json!(param);
    }
    if let Some(intent) = intent {
        error["payment_intent"] = intent_object(intent, 0);
    }
    json!({"error": error})
}
