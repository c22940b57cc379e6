//! What a request asks for: read, checked, and nothing of it done yet.
//!
//! Separate from the handlers so that all that judges a stranger's bytes is one function of them
//! and of the time, which can be held to its promises without a socket, a log or a clock.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use schemas::Purchase;
use schemas::domain::CancellationRequested;
use schemas::v0;
use schemas::validate::Times;
use serde_json::Value;

use crate::body::{json, unreadable};
use crate::config::Config;
use crate::order::{self, Origin};
use crate::problem::{FieldError, Problem};
use crate::{account, key};

/// A body as it arrived, or why it did not.
pub type Body = Result<Bytes, BytesRejection>;

/// Who may have asked for a cancellation.
const CANCEL_REASONS: [&str; 3] = ["customer", "operator", "fraud"];

/// The purchase of `POST /v1/purchases`; `now` is in microseconds since the epoch.
///
/// # Errors
/// The answer to the request: what is wrong with it.
pub fn purchase(
    config: &Config,
    headers: &HeaderMap,
    body: Body,
    now: i64,
) -> Result<Purchase, Problem> {
    let account = account::of(headers, &config.accounts)?;
    let key = key::required(headers)?;
    let body = json(headers, body)?;
    let purchase_id = schemas::ids::purchase_id(&account, &key);
    let origin = Origin {
        purchase_id: &purchase_id,
        now,
        written_version: 3,
    };
    order::purchase(&body, &origin).map_err(Problem::fields)
}

/// The purchase of `POST /v1/import`.
///
/// # Errors
/// As [`purchase`].
pub fn import(
    config: &Config,
    headers: &HeaderMap,
    body: Body,
    now: i64,
) -> Result<Purchase, Problem> {
    let account = account::of(headers, &config.accounts)?;
    let key = key::required(headers)?;
    let body = json(headers, body)?;
    let origin = v0::Origin {
        account: &account,
        key: &key,
        // What its readers would set aside is not accepted.
        times: Times::known_by(now),
    };
    v0::read(&body, &config.import_rules, origin)
        .map_err(|faults| Problem::fields(faults.into_iter().map(not_mapped).collect()))
}

/// The request of `POST /v1/purchases/{id}/cancel`; the id is one that a purchase can have.
///
/// # Errors
/// As [`purchase`].
pub fn cancellation(
    config: &Config,
    purchase_id: &str,
    headers: &HeaderMap,
    body: Body,
    now: i64,
) -> Result<CancellationRequested, Problem> {
    account::reaches(headers, &config.accounts, purchase_id)?;
    let asker = key::optional(headers)?.unwrap_or_default();
    let reason = cancel_reason(headers, body)?;
    Ok(CancellationRequested {
        event_id: schemas::ids::derived(purchase_id, &format!("cancellation_requested:{asker}")),
        causation_id: Some(schemas::ids::derived(purchase_id, "storefront.purchased")),
        purchase_id: purchase_id.to_owned(),
        occurred_at: now,
        reason,
    })
}

fn cancel_reason(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let body = body.map_err(unreadable)?;
    if body.is_empty() {
        return Ok(CANCEL_REASONS[0].to_owned());
    }
    let body = json(headers, Ok(body))?;
    let reason = match body.get("reason") {
        None | Some(Value::Null) => Some(CANCEL_REASONS[0]),
        Some(given) => CANCEL_REASONS
            .into_iter()
            .find(|word| given.as_str() == Some(word)),
    };
    reason.map(str::to_owned).ok_or_else(|| {
        let detail = format!("expected one of {}", CANCEL_REASONS.join(", "));
        invalid("reason", "unknown_word", &detail)
    })
}

fn not_mapped(fault: v0::FieldError) -> FieldError {
    FieldError {
        field: fault.field,
        code: "not_mapped",
        detail: format!("found {}; expected {}", fault.found, fault.expected),
    }
}

/// One field that is not as it has to be.
pub(crate) fn invalid(field: &str, code: &'static str, detail: &str) -> Problem {
    Problem::fields(vec![FieldError {
        field: field.to_owned(),
        code,
        detail: detail.to_owned(),
    }])
}
