//! What a reply of the carrier means for the task that asked.

use remote::{Heard, Later, bounded};
use serde_json::Value;

use crate::event::Outcome;

/// A reply, sorted by what its status and its code mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The carrier has decided about a shipment.
    Decided(Outcome),
    /// It says that the request is wrong.
    Rejected { code: String },
    /// It was never handed such a shipment.
    Missing,
    /// Our key belongs to another request.
    KeyOfOtherRequest,
    /// The shipment is known, for another purchase or with another tier.
    ShipmentOfOtherRequest,
    /// 5xx: with or without effect. `replayed` is one that was saved under the key, and so is said
    /// again for ever.
    Broken { later: Later, replayed: bool },
    /// Anything that says "later", or nothing that can be understood.
    Later(Later),
}

/// Sorts a reply.
pub(super) fn sort(heard: &Heard) -> Reply {
    let status = heard.status;
    let body = serde_json::from_slice::<Value>(&heard.body).unwrap_or_default();
    let code = (body.get("error").and_then(|error| error.get("code"))).and_then(Value::as_str);
    let text = |name: &str| (body.get(name).and_then(Value::as_str)).map(bounded);
    let later = |dependency_failed| Later {
        reason: format!("http {status} {}", bounded(code.unwrap_or_default())),
        after: heard.retry_after,
        dependency_failed,
    };
    match (status, code) {
        (200..300, _) => match (text("shipment_id"), text("carrier"), text("tracking")) {
            (Some(shipment_id), Some(carrier), Some(tracking)) => {
                Reply::Decided(Outcome::HandedOver {
                    shipment_id,
                    carrier,
                    tracking,
                })
            }
            _ => Reply::Later(Later::unwell(format!("http {status} without a shipment"))),
        },
        (422, Some("refused")) => Reply::Decided(Outcome::Refused),
        (422, Some("shipment_mismatch")) => Reply::ShipmentOfOtherRequest,
        (404, Some("shipment_missing")) => Reply::Missing,
        (409, _) => Reply::Later(later(false)),
        (401 | 403 | 408 | 429, _) => Reply::Later(later(true)),
        (400, Some("idempotency_error")) => Reply::KeyOfOtherRequest,
        (400..500, Some(code)) => Reply::Rejected {
            code: format!("http {status} {}", bounded(code)),
        },
        (500.., _) => Reply::Broken {
            later: later(true),
            replayed: heard.replayed,
        },
        // Not the carrier's own words: a proxy between us.
        _ => Reply::Later(later(true)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use remote::{Heard, Later};
    use serde_json::{Value, json};

    use super::{Outcome, Reply, sort};

    fn sorted(status: u16, body: &Value) -> Reply {
        sort(&Heard {
            status,
            body: body.to_string().into_bytes(),
            ..Heard::default()
        })
    }

    fn error(code: &str) -> Value {
        json!({"error": {"code": code, "message": "m"}})
    }

    #[test]
    fn a_shipment_in_the_carriers_hands_has_a_number() {
        let taken = json!({"shipment_id": "s", "carrier": "c", "tracking": "t"});
        assert!(matches!(
            sorted(200, &taken),
            Reply::Decided(Outcome::HandedOver { .. })
        ));
        let unnamed = sorted(200, &json!({"shipment_id": "s"}));
        assert!(matches!(unnamed, Reply::Later(_)));
    }

    #[test]
    fn only_the_carriers_own_word_is_a_refusal() {
        let refused = sorted(422, &error("refused"));
        assert_eq!(refused, Reply::Decided(Outcome::Refused));
        assert!(matches!(sorted(422, &json!({})), Reply::Later(_)));
        assert!(matches!(
            sorted(422, &error("tier")),
            Reply::Rejected { .. }
        ));
        assert_eq!(sorted(404, &error("shipment_missing")), Reply::Missing);
        assert!(matches!(sorted(404, &json!({})), Reply::Later(_)));
    }

    #[test]
    fn what_may_have_had_its_effect_is_never_taken_for_an_answer() {
        for status in [301, 401, 404, 408, 409, 429] {
            let reply = sorted(status, &json!({}));
            assert!(matches!(reply, Reply::Later(_)), "{status}");
        }
        for status in [500, 502, 503] {
            let reply = sorted(status, &json!({}));
            assert!(matches!(
                reply,
                Reply::Broken {
                    replayed: false,
                    ..
                }
            ));
        }
    }

    #[test]
    fn a_busy_carrier_is_obeyed() {
        let reply = sort(&Heard {
            status: 429,
            retry_after: Some(Duration::from_secs(9)),
            ..Heard::default()
        });
        let later = Later {
            after: Some(Duration::from_secs(9)),
            ..Later::unwell("http 429 ")
        };
        assert_eq!(reply, Reply::Later(later));
    }
}
