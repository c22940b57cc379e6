//! The sandbox's own URLs: faults, counts, health. For tests and operators; without a key.

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use super::{Shared, routes};
use crate::Faults;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sandbox/faults", post(set_faults).get(faults))
        .route("/sandbox/state", get(counts))
        .route("/sandbox/healthz", get(healthy))
}

async fn set_faults(State(shared): State<Shared>, request: Request) -> Response {
    let refused = |status: u16, mistakes: Vec<String>| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"mistakes": mistakes}))).into_response()
    };
    let bytes = match routes::body(&shared, request.into_body()).await {
        Ok(bytes) => bytes,
        Err(failure) => return refused(failure.status, vec![failure.message.into_owned()]),
    };
    let faults: Faults = match serde_json::from_slice(&bytes) {
        Ok(faults) => faults,
        Err(error) => return refused(400, vec![error.to_string()]),
    };
    let mistakes = faults.mistakes();
    if !mistakes.is_empty() {
        return refused(422, mistakes);
    }
    tracing::info!("faults replaced");
    shared.service.set_faults(faults.clone());
    Json(faults).into_response()
}

async fn faults(State(shared): State<Shared>) -> Response {
    Json(&shared.service.faults().faults).into_response()
}

async fn counts(State(shared): State<Shared>) -> Response {
    Json(shared.service.counts()).into_response()
}

async fn healthy(State(shared): State<Shared>) -> Response {
    let failed = shared.service.journal.failed().borrow().clone();
    match failed {
        None => Json(json!({"status": "ok"})).into_response(),
        Some(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": reason})),
        )
            .into_response(),
    }
}
