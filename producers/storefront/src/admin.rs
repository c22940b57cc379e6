//! Probes and metrics, on a listener of their own.
//!
//! `/livez` says that the process runs and nothing of what it depends on; `/readyz` says whether
//! it should get requests: not while stopping. Kafka being away is no reason: the spool takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use client::{Publisher, WriteVersion};
use prometheus::{Registry, TextEncoder};

pub(crate) fn router(
    registry: Registry,
    publisher: Arc<Publisher>,
    write_version: Arc<WriteVersion>,
    is_stopping: Arc<AtomicBool>,
) -> Router {
    let ready = move || {
        let is_ready = !is_stopping.load(Ordering::Relaxed);
        std::future::ready(match is_ready {
            true => (StatusCode::OK, "ready\n"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        })
    };
    let status = move || {
        let health = publisher.health();
        std::future::ready(axum::Json(serde_json::json!({
            "is_kafka_away": health.is_kafka_away,
            "spool_bytes": health.spool_bytes,
            "spool_oldest_seconds": health.spool_oldest_seconds,
            "write_version": write_version.now(),
            "write_version_wanted": write_version.wanted(),
        })))
    };
    let metrics = move || std::future::ready(render(&registry));
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
}

fn render(registry: &Registry) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "render metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
