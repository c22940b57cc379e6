//! Faults on request: how often which operation goes wrong, and how.
//!
//! Shares are per mille of the requests of an operation and exclude each other. What a request
//! meets is a function of seed, operation, idempotency key and attempt, so a run can be repeated
//! whatever the order in which its requests arrive.

mod draw;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use draw::Fault;

/// What goes wrong, and how often. As JSON every field may be left out: nothing goes wrong then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Another seed meets other requests.
    pub seed: u64,
    /// A time in which every request is answered 503.
    pub storm: Option<Storm>,
    /// `POST /v1/payment_intents`
    pub authorise: Shares,
    /// `POST /v1/payment_intents/{id}/capture`
    pub capture: Shares,
    /// `POST /v1/payment_intents/{id}/cancel`
    pub void: Shares,
    /// `POST /v1/refunds`
    pub refund: Shares,
    /// `GET /v1/payment_intents/{id}` and `GET /v1/refunds`
    pub retrieve: Shares,
    /// `GET /v1/payment_intents/search`
    pub search: Shares,
    /// `POST /carrier/v1/shipments`
    pub hand_over: Shares,
    /// `GET /carrier/v1/shipments/{id}`
    pub retrieve_shipment: Shares,
    /// Of the shipments, how many the carrier refuses for good: a function of seed and shipment.
    pub hand_over_refused_per_mille: u16,
    /// Of the authorisations, how many have lapsed by the time they are to be captured, as one does
    /// that nobody captures within its days: a function of seed and payment intent.
    pub authorisation_lapsed_per_mille: u16,
}

/// The faults of one operation, in per mille of its requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// How long an answer takes; the sandbox's own latency unless given.
    pub latency_ms: Option<Span>,
    /// No effect, and no answer for `timeout_ms`; then the connection closes.
    pub timeout_per_mille: u16,
    /// How long a time-out keeps the caller waiting.
    pub timeout_ms: u64,
    /// The effect is kept, the connection closes without an answer.
    pub lost_reply_per_mille: u16,
    /// Effect and answer after `late_ms`, whether or not the caller still waits.
    pub late_per_mille: u16,
    /// How late.
    pub late_ms: u64,
    /// 500 without effect. It fails before it begins, so the key stays free.
    pub error_before_effect_per_mille: u16,
    /// The effect is kept, the answer is 500, and so is every replay under the key.
    pub error_after_effect_per_mille: u16,
    /// 500 without effect, and so is every replay under the key: it failed once it had begun.
    pub error_saved_per_mille: u16,
    /// 429 with `Retry-After`, without effect.
    pub too_many_requests_per_mille: u16,
    /// The `Retry-After` of 429 and 503, in seconds.
    pub retry_after_s: u64,
    /// 503 with `Retry-After`, without effect.
    pub unavailable_per_mille: u16,
    /// The connection is reset, without effect.
    pub reset_per_mille: u16,
    /// The effect is right, the answer is one minor unit too high.
    pub wrong_amount_per_mille: u16,
    /// The effect is right, the answer names another currency.
    pub wrong_currency_per_mille: u16,
    /// The effect is right, the answer names another purchase.
    pub wrong_purchase_per_mille: u16,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            latency_ms: None,
            timeout_per_mille: 0,
            timeout_ms: 30_000,
            lost_reply_per_mille: 0,
            late_per_mille: 0,
            late_ms: 5_000,
            error_before_effect_per_mille: 0,
            error_after_effect_per_mille: 0,
            error_saved_per_mille: 0,
            too_many_requests_per_mille: 0,
            retry_after_s: 1,
            unavailable_per_mille: 0,
            reset_per_mille: 0,
            wrong_amount_per_mille: 0,
            wrong_currency_per_mille: 0,
            wrong_purchase_per_mille: 0,
        }
    }
}

/// A range of milliseconds, both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

/// 503 for all, from `after_ms` after the faults were set, for `for_ms`; again every `every_ms` if
/// that is not 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storm {
    /// When it begins.
    pub after_ms: u64,
    /// How long it blows.
    pub for_ms: u64,
    /// From one beginning to the next; 0 for a single storm.
    pub every_ms: u64,
}

/// What a caller wants, as faults are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Authorise,
    Capture,
    Void,
    Refund,
    Retrieve,
    Search,
    HandOver,
    RetrieveShipment,
}

/// Longest wait that may be asked for: a day.
const WAIT_MS_MAX: u64 = 86_400_000;

impl Faults {
    /// Every mistake in the shares, each by its field.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = vec![];
        for (name, shares) in self.operations() {
            let sum = shares.sum();
            if sum > 1000 {
                mistakes.push(format!(
                    "{name}: its shares add up to {sum} per mille, more than 1000"
                ));
            }
            if let Some(Span { min, max }) = shares.latency_ms
                && (min > max || max > WAIT_MS_MAX)
            {
                mistakes.push(format!(
                    "{name}.latency_ms: min {min}, max {max}; expected min <= max <= {WAIT_MS_MAX}"
                ));
            }
            for (field, wait_ms) in [
                ("timeout_ms", shares.timeout_ms),
                ("late_ms", shares.late_ms),
            ] {
                if wait_ms > WAIT_MS_MAX {
                    mistakes.push(format!(
                        "{name}.{field}: {wait_ms} is more than {WAIT_MS_MAX}"
                    ));
                }
            }
        }
        for (field, share) in [
            (
                "hand_over_refused_per_mille",
                self.hand_over_refused_per_mille,
            ),
            (
                "authorisation_lapsed_per_mille",
                self.authorisation_lapsed_per_mille,
            ),
        ] {
            if share > 1000 {
                mistakes.push(format!("{field}: {share} is more than 1000"));
            }
        }
        if let Some(storm) = self.storm
            && storm.every_ms != 0
            && storm.for_ms >= storm.every_ms
        {
            mistakes.push("storm: for_ms must be less than every_ms".into());
        }
        mistakes
    }

    fn operations(&self) -> [(&'static str, &Shares); 8] {
        [
            ("authorise", &self.authorise),
            ("capture", &self.capture),
            ("void", &self.void),
            ("refund", &self.refund),
            ("retrieve", &self.retrieve),
            ("search", &self.search),
            ("hand_over", &self.hand_over),
            ("retrieve_shipment", &self.retrieve_shipment),
        ]
    }

    pub(crate) fn shares(&self, operation: Operation) -> &Shares {
        match operation {
            Operation::Authorise => &self.authorise,
            Operation::Capture => &self.capture,
            Operation::Void => &self.void,
            Operation::Refund => &self.refund,
            Operation::Retrieve => &self.retrieve,
            Operation::Search => &self.search,
            Operation::HandOver => &self.hand_over,
            Operation::RetrieveShipment => &self.retrieve_shipment,
        }
    }
}

impl Storm {
    /// Whether it blows `since` after the faults were set.
    pub(crate) fn blows(&self, since: Duration) -> bool {
        let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let Some(into) = since_ms.checked_sub(self.after_ms) else {
            return false;
        };
        if self.every_ms == 0 {
            into < self.for_ms
        } else {
            into % self.every_ms < self.for_ms
        }
    }
}

impl Shares {
    fn sum(&self) -> u32 {
        [
            self.timeout_per_mille,
            self.lost_reply_per_mille,
            self.late_per_mille,
            self.error_before_effect_per_mille,
            self.error_after_effect_per_mille,
            self.error_saved_per_mille,
            self.too_many_requests_per_mille,
            self.unavailable_per_mille,
            self.reset_per_mille,
            self.wrong_amount_per_mille,
            self.wrong_currency_per_mille,
            self.wrong_purchase_per_mille,
        ]
        .into_iter()
        .map(u32::from)
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_named_at_once() {
        let faults = Faults {
            authorise: Shares {
                reset_per_mille: 600,
                timeout_per_mille: 401,
                ..Shares::default()
            },
            capture: Shares {
                latency_ms: Some(Span { min: 2, max: 1 }),
                ..Shares::default()
            },
            hand_over_refused_per_mille: 1001,
            authorisation_lapsed_per_mille: 1002,
            storm: Some(Storm {
                after_ms: 0,
                for_ms: 5,
                every_ms: 5,
            }),
            ..Faults::default()
        };
        let mistakes = faults.mistakes().join("\n");
        for part in [
            "authorise",
            "1001",
            "capture.latency_ms",
            "hand_over_refused_per_mille",
            "authorisation_lapsed_per_mille",
            "storm",
        ] {
            assert!(mistakes.contains(part), "{part} in {mistakes}");
        }
        assert_eq!(Faults::default().mistakes(), Vec::<String>::new());
    }

    #[test]
    fn a_storm_begins_ends_and_comes_back() {
        let storm = Storm {
            after_ms: 10,
            for_ms: 5,
            every_ms: 20,
        };
        let blows = |ms| storm.blows(Duration::from_millis(ms));
        assert_eq!(
            [9, 10, 14, 15, 29, 30, 35].map(blows),
            [false, true, true, false, false, true, false]
        );
        let once = Storm {
            every_ms: 0,
            ..storm
        };
        assert!(once.blows(Duration::from_millis(14)));
        assert!(!once.blows(Duration::from_millis(30)));
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Faults>(r#"{"authorize": {}}"#).is_err());
        assert!(
            serde_json::from_str::<Faults>(r#"{"authorise": {"lost_reply_per_mille": 20}}"#)
                .is_ok()
        );
    }
}
