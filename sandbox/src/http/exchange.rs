//! One request from key to answer, with what goes wrong on the way.
//!
//! Order: what fails before it begins (and saves nothing), the key, the wait, the effect and its
//! commit, what fails afterwards. A request that has begun runs in a task of its own: a caller that
//! gives up does not stop it, as it would not at the real provider.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use uuid::Uuid;

use super::{Shared, connection::Cut};
use crate::{
    faults::{Fault, Operation},
    journal::Lost,
    provider::{Command, failure},
    service::Service,
    state::{
        Answer,
        keys::Begin,
        record::{Failure, KeyMark, Scope},
    },
};

/// Stripe's bound.
const KEY_CHARS_MAX: usize = 255;

/// A request that changes something, ready to run.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) scope: Scope,
    pub(super) operation: Operation,
    pub(super) command: Command,
    pub(super) key: Option<String>,
    /// Of method, path and parameters.
    pub(super) canonical: String,
    pub(super) path: String,
}

/// The idempotency key of a request.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Box<Failure>> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok("") => Err(failure::bad_key("The Idempotency-Key header is empty.")),
        Ok(key) if key.len() > KEY_CHARS_MAX => Err(failure::bad_key(
            "Idempotency keys may have up to 255 characters.",
        )),
        Ok(key) => Ok(Some(key.to_owned())),
        Err(_) => Err(failure::bad_key("Idempotency keys are printable ASCII.")),
    }
}

impl Exchange {
    /// Runs to an answer, or to none.
    pub(super) async fn run(self, shared: Shared) -> Response {
        let Ok(permit) = std::sync::Arc::clone(&shared.permits).try_acquire_owned() else {
            return with_retry_after(self.refused(failure::too_many_requests()), 1);
        };
        let operations = shared.operations.clone();
        let ending = shared.ending.clone();
        let running = operations.spawn(async move {
            let ended = ending
                .run_until_cancelled(self.attempt(&shared.service))
                .await;
            drop(permit);
            ended.unwrap_or_else(|| cut(Cut::Close))
        });
        // A panic has been reported by its hook; the caller learns as much as from a crash.
        running.await.unwrap_or_else(|_| cut(Cut::Close))
    }

    async fn attempt(self, service: &Service) -> Response {
        let key = self.key.as_deref().map(|key| (self.scope, key));
        let (fault, latency) = service.meet(self.operation, key, &self.path);
        if let Some(answer) = self.fails_before(fault).await {
            return answer;
        }
        let fingerprint = Uuid::new_v5(&crate::NAMESPACE, self.canonical.as_bytes());
        let Some((scope, key)) = key else {
            wait(latency, fault).await;
            return self.end(service.execute(&self.command, None, fault).await, fault);
        };
        match service.begin(scope, key, fingerprint) {
            Begin::Begun => {}
            Begin::InUse => return self.refused(failure::key_in_use(key)),
            Begin::OtherParameters => return self.refused(failure::other_parameters(key)),
            Begin::Replay(answer) => {
                wait(latency, fault).await;
                let mut response = self.end(Ok(answer), fault);
                response
                    .headers_mut()
                    .insert("idempotent-replayed", HeaderValue::from_static("true"));
                return response;
            }
        }
        let _running = Running {
            service,
            scope,
            key,
        };
        wait(latency, fault).await;
        let mark = KeyMark {
            scope,
            key: key.to_owned(),
            fingerprint,
        };
        self.end(
            service.execute(&self.command, Some(mark), fault).await,
            fault,
        )
    }

    /// What fails without effect; the key stays free.
    async fn fails_before(&self, fault: Option<Fault>) -> Option<Response> {
        match fault? {
            Fault::Reset => Some(cut(Cut::Reset)),
            Fault::TooManyRequests { retry_after_s } => Some(with_retry_after(
                self.refused(failure::too_many_requests()),
                retry_after_s,
            )),
            Fault::Unavailable { retry_after_s } => Some(with_retry_after(
                self.refused(failure::server_error(503)),
                retry_after_s,
            )),
            Fault::ErrorBeforeEffect => Some(self.refused(failure::server_error(500))),
            Fault::TimeOut(time) => {
                tokio::time::sleep(time).await;
                Some(cut(Cut::Close))
            }
            Fault::Late(_)
            | Fault::LostReply
            | Fault::ErrorAfterEffect
            | Fault::ErrorSaved
            | Fault::WrongAmount
            | Fault::WrongCurrency
            | Fault::WrongPurchase => None,
        }
    }

    fn end(&self, answered: Result<Answer, Lost>, fault: Option<Fault>) -> Response {
        match answered {
            Ok(_) if fault == Some(Fault::LostReply) => cut(Cut::Close),
            Ok(answer) => {
                let status = status(&answer);
                json(status, &told(answer.body(), fault), self.key.as_deref())
            }
            // Whether it is on disk is unknown: the caller must not be told either way.
            Err(Lost) => cut(Cut::Close),
        }
    }

    fn refused(&self, failure: Box<Failure>) -> Response {
        refused(self.scope, failure, self.key.as_deref())
    }
}

/// Frees the key however the request ends.
struct Running<'a> {
    service: &'a Service,
    scope: Scope,
    key: &'a str,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.service.state().keys.finish(self.scope, self.key);
    }
}

async fn wait(latency: std::time::Duration, fault: Option<Fault>) {
    let late = if let Some(Fault::Late(late)) = fault {
        late
    } else {
        std::time::Duration::ZERO
    };
    let time = latency + late;
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// A response that is never sent.
pub(super) fn cut(how: Cut) -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(how);
    response
}

/// An answer as it is sent.
pub(super) fn written(answer: &Answer, key: Option<&str>) -> Response {
    json(status(answer), &answer.body(), key)
}

fn status(answer: &Answer) -> StatusCode {
    StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An object as a lie tells it, if one is told: nothing of it is kept, and what is kept is right.
pub(super) fn told(mut body: serde_json::Value, fault: Option<Fault>) -> serde_json::Value {
    let lie = match fault {
        Some(Fault::WrongCurrency) => body.get_mut("currency"),
        Some(Fault::WrongPurchase) => body.pointer_mut("/metadata/purchase_id"),
        _ => None,
    };
    if let Some(word) = lie {
        *word = match fault {
            Some(Fault::WrongCurrency) if *word == "eur" => "usd".into(),
            Some(Fault::WrongCurrency) => "eur".into(),
            _ => "another".into(),
        };
    }
    body
}

/// A refusal, in the form of the service that was asked. Nothing is saved.
pub(super) fn refused(scope: Scope, failure: Box<Failure>, key: Option<&str>) -> Response {
    let answer = match scope {
        Scope::Provider => Answer::Failure {
            failure: failure.into(),
            intent: None,
        },
        Scope::Carrier => Answer::CarrierFailure {
            status: failure.status,
            code: failure.code.unwrap_or(failure.kind).into(),
            message: failure.message.into(),
        },
    };
    written(&answer, key)
}

/// JSON with the headers that every answer has.
pub(super) fn json(status: StatusCode, body: &serde_json::Value, key: Option<&str>) -> Response {
    let request_id = format!("req_{}", Uuid::new_v4().simple());
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        ("request-id", Some(request_id.as_str())),
        ("idempotency-key", key),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn with_retry_after(mut response: Response, seconds: u64) -> Response {
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What a request that only reads meets before it is answered.
pub(super) async fn read_meets(
    service: &Service,
    scope: Scope,
    operation: Operation,
    path: &str,
) -> (Option<Response>, Option<Fault>) {
    let (fault, latency) = service.meet(operation, None, path);
    let fails = |failure| refused(scope, failure, None);
    let response = match fault {
        Some(Fault::Reset) => Some(cut(Cut::Reset)),
        Some(Fault::TooManyRequests { retry_after_s }) => Some(with_retry_after(
            fails(failure::too_many_requests()),
            retry_after_s,
        )),
        Some(Fault::Unavailable { retry_after_s }) => Some(with_retry_after(
            fails(failure::server_error(503)),
            retry_after_s,
        )),
        Some(Fault::ErrorBeforeEffect | Fault::ErrorAfterEffect | Fault::ErrorSaved) => {
            Some(fails(failure::server_error(500)))
        }
        Some(Fault::TimeOut(time)) => {
            tokio::time::sleep(time).await;
            Some(cut(Cut::Close))
        }
        Some(Fault::LostReply) => Some(cut(Cut::Close)),
        Some(Fault::Late(_) | Fault::WrongAmount | Fault::WrongCurrency | Fault::WrongPurchase)
        | None => None,
    };
    if response.is_none() {
        wait(latency, fault).await;
    }
    (response, fault)
}

/// By how much the amounts are too high that a fault lets be told.
pub(super) fn skew_minor(fault: Option<Fault>) -> i64 {
    i64::from(fault == Some(Fault::WrongAmount))
}
