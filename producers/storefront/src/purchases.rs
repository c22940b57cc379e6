//! `/v1/purchases`: submit, show, timeline, cancel.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use schemas::domain::Event;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::account;
use crate::body::PurchaseId;
use crate::problem::{Code, Problem};
use crate::read_model::{PurchaseStatus, ReadModelAway, TimelineEntry};
use crate::request::{self, invalid};
use crate::submit::{Shop, accepted};

/// How often a long poll looks; it grows from the first to the second.
const POLL_INTERVALS: (Duration, Duration) =
    (Duration::from_millis(25), Duration::from_millis(250));

/// `POST /v1/purchases`
pub(crate) async fn submit(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let purchase = request::purchase(&shop.config, &headers, body, now())?;
    shop.submit(purchase).await
}

/// How a read waits.
#[derive(Debug, Deserialize)]
pub(crate) struct Wait {
    /// Seconds to wait, at most: until the purchase is known.
    wait: Option<f64>,
    /// With it, until the status is another one than this.
    status: Option<String>,
}

/// `GET /v1/purchases/{id}`
pub(crate) async fn show(
    State(shop): State<Arc<Shop>>,
    PurchaseId(purchase_id): PurchaseId,
    headers: HeaderMap,
    query: Result<Query<Wait>, QueryRejection>,
) -> Result<Response, Problem> {
    account::reaches(&headers, &shop.config.accounts, &purchase_id)?;
    let Query(query) = query.map_err(|_| invalid("wait", "out_of_range", "expected seconds"))?;
    let asked = query.wait.unwrap_or(0.0);
    if !(asked >= 0.0 && asked.is_finite()) {
        return Err(invalid("wait", "out_of_range", "expected seconds"));
    }
    let wait = Duration::try_from_secs_f64(asked)
        .unwrap_or(Duration::MAX)
        .min(shop.config.wait_max);
    let deadline = Instant::now() + wait;
    let mut interval = POLL_INTERVALS.0;
    loop {
        let status = shop.read_model.status(&purchase_id).await.map_err(away)?;
        let is_awaited = |status: &PurchaseStatus| Some(&status.status) != query.status.as_ref();
        let is_last = Instant::now() >= deadline;
        match status {
            Some(status) if is_last || is_awaited(&status) => {
                return Ok(axum::Json(status).into_response());
            }
            None if is_last => return Err(Problem::not_known()),
            _ => {}
        }
        tokio::time::sleep_until((Instant::now() + interval).min(deadline)).await;
        interval = (interval * 2).min(POLL_INTERVALS.1);
    }
}

#[derive(Debug, Serialize)]
struct Timeline {
    purchase_id: String,
    entries: Vec<TimelineEntry>,
}

/// `GET /v1/purchases/{id}/timeline`
pub(crate) async fn timeline(
    State(shop): State<Arc<Shop>>,
    PurchaseId(purchase_id): PurchaseId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    account::reaches(&headers, &shop.config.accounts, &purchase_id)?;
    let entries = shop.read_model.timeline(&purchase_id).await.map_err(away)?;
    if entries.is_empty() {
        return Err(Problem::not_known());
    }
    let timeline = Timeline {
        purchase_id,
        entries,
    };
    Ok(axum::Json(timeline).into_response())
}

/// `POST /v1/purchases/{id}/cancel`
///
/// A 202 says that the request is kept, not that it is granted. The purchase need not be known yet:
/// whether it was stopped, or comes back as a return, or it was too late, is said in its timeline.
pub(crate) async fn cancel(
    State(shop): State<Arc<Shop>>,
    PurchaseId(purchase_id): PurchaseId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request = request::cancellation(&shop.config, &purchase_id, &headers, body, now())?;
    let encoded = (shop.encoder)
        .encode_event(&Event::CancellationRequested(request))
        .map_err(|error| {
            tracing::error!(%error, "encode cancellation request");
            Problem::new(Code::Unexpected, "the cancellation was not accepted")
        })?;
    let durable_in = shop.publish(encoded.into()).await?;
    Ok(accepted(&purchase_id, durable_in))
}

fn away(error: ReadModelAway) -> Problem {
    tracing::warn!(%error, "read the state of a purchase");
    Problem::new(Code::ReadSideAway, "purchases are accepted nevertheless")
}

/// Microseconds since the epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
