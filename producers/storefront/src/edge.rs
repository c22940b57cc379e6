//! What happens to every request before and after its handler: an id, a bound on how many are
//! under way, a bound on how long, a count. What must stay true: load is shed before memory
//! grows, and a reader that waits never takes the place of a purchase.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::metrics::Metrics;
use crate::problem::{Code, Problem};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, keeps one that it has, and counts the answer.
pub(crate) async fn observe(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = (request.headers().get(&REQUEST_ID).cloned())
        .filter(|id| !id.is_empty() && id.len() <= 128)
        .or_else(|| HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()).ok());
    // The pattern, never the path: labels are bounded.
    let route = (request.extensions().get::<MatchedPath>())
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => {
            known.to_owned()
        }
        _ => "other".to_owned(),
    };
    let mut response = next.run(request).await;
    let status = response.status();
    tracing::debug!(route, method, status = status.as_u16(), request_id = ?id, "request");
    (metrics.requests)
        .with_label_values(&[route.as_str(), method.as_str(), status.as_str()])
        .inc();
    (metrics.seconds)
        .with_label_values(&[route.as_str()])
        .observe(started.elapsed().as_secs_f64());
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    response
}

/// A bound on requests of one kind.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) kind: &'static str,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) patience: Duration,
    pub(crate) metrics: Metrics,
}

/// Lets a request in if there is a place, and ends it when it takes too long.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Ok(_place) = gate.places.try_acquire() else {
        gate.metrics.shed.with_label_values(&[gate.kind]).inc();
        return Problem::new(Code::Overloaded, "try again shortly").into_response();
    };
    let in_flight = gate.metrics.in_flight.with_label_values(&[gate.kind]);
    in_flight.inc();
    // Counted down also when the client goes away and this future is dropped.
    let _counted = Counted(&in_flight);
    match tokio::time::timeout(gate.patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            Code::Timeout,
            "a purchase may have been accepted all the same; try again with the same key",
        )
        .into_response(),
    }
}

struct Counted<'a>(&'a prometheus::IntGauge);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A handler that panics answers 500, and the process goes on.
pub(crate) async fn catch_panics(request: Request, next: Next) -> Response {
    let served = std::panic::AssertUnwindSafe(next.run(request));
    match futures_util::FutureExt::catch_unwind(served).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request handler panicked");
            Problem::new(Code::Unexpected, "the request was not served").into_response()
        }
    }
}
