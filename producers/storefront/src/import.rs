//! `/v1/import`: purchases in the message form that everything began with (version 0). Each field
//! is mapped or refused by the rules of [`schemas::v0`]; nothing is guessed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::problem::Problem;
use crate::submit::Shop;
use crate::{purchases, request};

/// `POST /v1/import`
pub(crate) async fn submit(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let purchase = request::import(&shop.config, &headers, body, purchases::now())?;
    shop.submit(purchase).await
}
