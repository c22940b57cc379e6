//! Dispatch's remote work: handing a shipment over to the carrier, under the task id as
//! idempotency key. An outcome that is not known is never assumed: it is asked for again.

use std::time::Duration;

use reqwest::{Client, Url, header::RETRY_AFTER, redirect::Policy};
use runtime::{Answer, Attempt, Task, Worker};
use serde_json::Value;

use crate::event::{Ask, HAND_OVER, Outcome};

/// A longer reply is none that we know.
const BODY_BYTES_MAX: usize = 1 << 16;
/// The longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// Where the carrier is and how long it is waited for.
#[derive(Debug, Clone)]
pub struct CarrierConfig {
    /// Scheme, host and port, before `/carrier/v1/...`.
    pub base_url: String,
    /// How long a connection may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How long a request may take in all. Default 10 s.
    pub request_timeout: Duration,
}

impl CarrierConfig {
    /// The defaults.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// The carrier cannot be asked with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The address is none.
    #[error("the carrier's address {0:?} is not an http or https URL")]
    Address(String),
    /// The client cannot be built.
    #[error("build the carrier's HTTP client")]
    Client(#[from] reqwest::Error),
}

/// Asks the carrier.
#[derive(Debug)]
pub struct CarrierWorker {
    client: Client,
    shipments: Url,
}

impl CarrierWorker {
    /// A worker with a pool of connections of its own.
    ///
    /// # Errors
    /// [`CarrierError`] when the address or the machine's TLS set-up is unusable.
    pub fn new(config: &CarrierConfig) -> Result<Self, CarrierError> {
        let address = || CarrierError::Address(config.base_url.clone());
        let mut shipments = (Url::parse(&config.base_url).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(address)?;
        (shipments.path_segments_mut().map_err(|()| address())?)
            .pop_if_empty()
            .extend(["carrier", "v1", "shipments"]);
        let client = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .redirect(Policy::none())
            // Repeating is decided by the task alone, so that each attempt is counted.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { client, shipments })
    }

    async fn exchange(
        &self,
        ask: &Ask,
        idempotency_key: &str,
    ) -> Result<(u16, Option<String>, Vec<u8>), reqwest::Error> {
        let request = (self.client.post(self.shipments.clone()))
            .header("Idempotency-Key", idempotency_key)
            .json(ask);
        let mut response = request.send().await?;
        let retry_after = (response.headers().get(RETRY_AFTER))
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status().as_u16(), retry_after, body))
    }
}

impl Worker for CarrierWorker {
    async fn perform(&self, task: &Task) -> Attempt {
        let ask = serde_json::from_value::<Ask>(task.payload.clone());
        let (HAND_OVER, Ok(ask)) = (task.kind.as_str(), ask) else {
            // Written by a newer build: that build will know it.
            return Attempt::Retry {
                reason: format!("this build cannot read the task {}", task.kind),
                after: Some(Duration::from_secs(60)),
                dependency_failed: false,
            };
        };
        match self.exchange(&ask, &task.task_id).await {
            Ok((status, retry_after, body)) => sort(status, retry_after.as_deref(), &body),
            Err(error) => unwell(failure(&error)),
        }
    }
}

/// What a reply of the carrier means.
fn sort(status: u16, retry_after: Option<&str>, body: &[u8]) -> Attempt {
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let error =
        |name: &str| (body.get("error").and_then(|error| error.get(name))).and_then(Value::as_str);
    let text = |name: &str| (body.get(name).and_then(Value::as_str)).map(bounded);
    let later = |dependency_failed| Attempt::Retry {
        reason: format!(
            "http {status} {}",
            bounded(error("code").unwrap_or_default())
        ),
        after: (retry_after.and_then(|said| said.trim().parse().ok()))
            .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX)),
        dependency_failed,
    };
    match (status, error("code")) {
        (200..300, _) => match (text("shipment_id"), text("carrier"), text("tracking")) {
            (Some(shipment_id), Some(carrier), Some(tracking)) => answered(&Outcome::HandedOver {
                shipment_id,
                carrier,
                tracking,
            }),
            _ => unwell(format!("http {status} without a shipment")),
        },
        (422, Some("refused")) => answered(&Outcome::Refused),
        (409, _) => later(false),
        (401 | 403 | 408 | 429, _) => later(true),
        (400, Some("idempotency_error")) => answered(&Outcome::Mismatch {
            detail: "its idempotency key was used with other parameters".to_owned(),
        }),
        (400..500, Some(code)) => answered(&Outcome::Rejected {
            code: format!("http {status} {}", bounded(code)),
        }),
        // Not the carrier's own words: a proxy between us, or a 5xx.
        _ => later(true),
    }
}

fn answered(outcome: &Outcome) -> Attempt {
    let answer = serde_json::to_value(outcome).expect("an enum of strings is JSON");
    Attempt::Answered(Answer(answer))
}

fn unwell(reason: String) -> Attempt {
    Attempt::Retry {
        reason,
        after: None,
        dependency_failed: true,
    }
}

/// Words of the carrier's are stored and shown; a word is short and has no control characters.
fn bounded(word: &str) -> String {
    (word.chars().filter(|c| !c.is_control()).take(100)).collect()
}

fn failure(error: &reqwest::Error) -> String {
    let kind = match error {
        error if error.is_connect() => "cannot connect",
        error if error.is_timeout() => "timed out",
        _ => "the connection failed",
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    format!("{kind}: {}", bounded(&cause.to_string()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use runtime::Attempt;
    use serde_json::{Value, json};

    use super::{Outcome, sort};

    fn outcome(status: u16, body: &Value) -> Option<Outcome> {
        match sort(status, None, body.to_string().as_bytes()) {
            Attempt::Answered(answer) => Some(serde_json::from_value(answer.0).unwrap()),
            Attempt::Retry { .. } => None,
        }
    }

    fn error(code: &str) -> Value {
        json!({"error": {"code": code, "message": "m"}})
    }

    #[test]
    fn a_shipment_in_the_carriers_hands_has_a_number() {
        let taken = json!({"shipment_id": "s", "carrier": "c", "tracking": "t"});
        assert!(matches!(
            outcome(200, &taken),
            Some(Outcome::HandedOver { .. })
        ));
        assert_eq!(outcome(200, &json!({"shipment_id": "s"})), None);
    }

    #[test]
    fn only_the_carriers_own_word_is_a_refusal() {
        assert_eq!(outcome(422, &error("refused")), Some(Outcome::Refused));
        assert_eq!(outcome(422, &json!({})), None);
        let rejected = outcome(422, &error("tier"));
        assert!(matches!(rejected, Some(Outcome::Rejected { .. })));
    }

    #[test]
    fn what_may_have_had_its_effect_is_asked_again() {
        for status in [301, 401, 404, 408, 409, 429, 500, 502, 503] {
            assert_eq!(outcome(status, &json!({})), None, "{status}");
        }
    }

    #[test]
    fn a_key_of_another_request_is_a_mismatch() {
        let mismatch = outcome(400, &error("idempotency_error"));
        assert!(matches!(mismatch, Some(Outcome::Mismatch { .. })));
    }

    #[test]
    fn a_busy_carrier_is_obeyed() {
        let Attempt::Retry {
            after,
            dependency_failed,
            ..
        } = sort(503, Some("9"), b"")
        else {
            panic!("a 503 is no answer");
        };
        assert_eq!(
            (after, dependency_failed),
            (Some(Duration::from_secs(9)), true)
        );
    }
}
