//! The admin listener of a member: `/livez`, `/readyz`, `/status`, `/metrics`, `POST /resume`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use prometheus::{Registry, TextEncoder};
use tokio::sync::Notify;

use crate::status::Status;

#[derive(Clone)]
struct Probed {
    status: Arc<Status>,
    registry: Registry,
    resumed: Arc<Notify>,
    stall_max: Duration,
}

/// The routes. Loops that have not turned for `stall_max`, without a declared wait, are stuck.
///
/// `/livez` fails only when a restart can help: never because a dependency is away. `/readyz` holds
/// while the member is assigned and not on its way out. `POST /resume` lets a group go on that has
/// paused over too many dead letters.
pub fn router(
    status: Arc<Status>,
    registry: Registry,
    resumed: Arc<Notify>,
    stall_max: Duration,
) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/status", get(report))
        .route("/metrics", get(metrics))
        .route("/resume", post(resume))
        .with_state(Probed {
            status,
            registry,
            resumed,
            stall_max,
        })
}

async fn livez(State(probed): State<Probed>) -> Response {
    answer(probed.status.is_live(probed.stall_max), "live", "stuck")
}

async fn readyz(State(probed): State<Probed>) -> Response {
    answer(probed.status.is_ready(), "ready", "not ready")
}

async fn report(State(probed): State<Probed>) -> Response {
    Json(probed.status.report()).into_response()
}

async fn metrics(State(probed): State<Probed>) -> Response {
    match TextEncoder::new().encode_to_string(&probed.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn resume(State(probed): State<Probed>) -> StatusCode {
    probed.resumed.notify_one();
    StatusCode::ACCEPTED
}

fn answer(holds: bool, yes: &'static str, no: &'static str) -> Response {
    if holds {
        yes.into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, no).into_response()
    }
}
