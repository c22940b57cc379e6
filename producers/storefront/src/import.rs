//! `/v1/import`: purchases in the message form that everything began with (version 0). Each field
//! is mapped or refused by the rules of [`schemas::v0`]; nothing is guessed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use schemas::v0;
use schemas::validate::Times;

use crate::problem::{FieldError, Problem};
use crate::submit::Shop;
use crate::{account, body, key, purchases};

/// `POST /v1/import`
pub(crate) async fn submit(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let account = account::of(&headers, &shop.config.accounts)?;
    let key = key::required(&headers)?;
    let body = body::json(&headers, body)?;
    let origin = v0::Origin {
        account: &account,
        key: &key,
        // What its readers would set aside is not accepted.
        times: Times::known_by(purchases::now()),
    };
    let purchase = v0::read(&body, &shop.config.import_rules, origin)
        .map_err(|faults| Problem::fields(faults.into_iter().map(field_error).collect()))?;
    shop.submit(purchase).await
}

fn field_error(fault: v0::FieldError) -> FieldError {
    FieldError {
        field: fault.field,
        code: "not_mapped",
        detail: format!("found {}; expected {}", fault.found, fault.expected),
    }
}
