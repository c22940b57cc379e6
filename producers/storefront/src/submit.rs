//! From a checked purchase to a durable one.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use client::{PublishError, Publisher, Receipt, Record};
use schemas::{EncodeError, Encoded, Encoder, Purchase};
use serde::Serialize;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::order;
use crate::problem::{Code, Problem};
use crate::read_model::ReadModel;

/// What every handler needs.
pub(crate) struct Shop {
    pub(crate) config: Config,
    pub(crate) encoder: Encoder,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) read_model: Arc<dyn ReadModel>,
    pub(crate) metrics: Metrics,
}

/// The answer to a purchase: it is durable.
#[derive(Debug, Serialize)]
struct Accepted<'a> {
    purchase_id: &'a str,
    status: &'static str,
    /// Where it is until it is read: `log`, `spool`, or `known` when it was read before.
    durable_in: &'static str,
}

/// Answers 202 with the address of the purchase.
pub(crate) fn accepted(purchase_id: &str, durable_in: &'static str) -> Response {
    let body = Accepted {
        purchase_id,
        status: "accepted",
        durable_in,
    };
    let mut response = (StatusCode::ACCEPTED, axum::Json(body)).into_response();
    let location = HeaderValue::from_str(&format!("/v1/purchases/{purchase_id}"));
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

impl Shop {
    /// Publishes a purchase, unless it is known already.
    pub(crate) async fn submit(&self, purchase: Purchase) -> Result<Response, Problem> {
        if let Some(known) = self.known_hash(&purchase.purchase_id).await {
            if known != purchase.content_hash() {
                return Err(Problem::new(
                    Code::IdempotencyKeyReused,
                    "another purchase was accepted under this key; a new purchase needs a new key",
                ));
            }
            self.metrics.repeated.inc();
            return Ok(accepted(&purchase.purchase_id, "known"));
        }
        let encoded = self.encode(purchase.clone())?;
        let durable_in = self.publish(encoded.into()).await?;
        Ok(accepted(&purchase.purchase_id, durable_in))
    }

    /// The content that the log's order has chosen, if the read side knows it in time. Without
    /// the read side a purchase goes on: a conflict is then found, and set aside, by its readers.
    async fn known_hash(&self, purchase_id: &str) -> Option<String> {
        let asked = self.read_model.status(purchase_id);
        match tokio::time::timeout(self.config.lookup_timeout, asked).await {
            Ok(Ok(status)) => status?.content_hash,
            Ok(Err(error)) => {
                tracing::debug!(%error, "look up a purchase");
                None
            }
            Err(_) => None,
        }
    }

    /// Writes with the version of now, or the lowest above it that can say the purchase. A purchase
    /// that a live group would park is not accepted: the others would cancel it, once that group's
    /// answer had not come in time.
    fn encode(&self, mut purchase: Purchase) -> Result<Encoded, Problem> {
        let mut version = u32::from(self.config.write_version.now());
        loop {
            purchase.written_version = u8::try_from(version).unwrap_or(u8::MAX);
            match self.encoder.encode_purchase(&purchase, version) {
                Ok(encoded) => return Ok(encoded),
                Err(EncodeError::DoesNotFit { lowest, .. })
                    if self.config.write_version.is_ahead_of_readers(lowest) =>
                {
                    return Err(Problem::new(
                        Code::ReadersBehind,
                        "not every part of the shop reads it yet; try again with the same key",
                    ));
                }
                Err(EncodeError::DoesNotFit { lowest, .. }) if lowest > version => {
                    // Readers below it park the record instead of misreading it.
                    self.metrics.raised.inc();
                    version = lowest;
                }
                Err(EncodeError::Invalid(refused)) => {
                    return Err(Problem::fields(vec![order::of_refused(&refused)]));
                }
                Err(error) => {
                    tracing::error!(%error, version, "encode purchase");
                    return Err(Problem::new(
                        Code::Unexpected,
                        "the purchase was not accepted",
                    ));
                }
            }
        }
    }

    /// Publishes a record and says where it is durable.
    pub(crate) async fn publish(&self, record: Record) -> Result<&'static str, Problem> {
        match self.publisher.publish(record).await {
            Ok(Receipt::Stored { .. }) => Ok("log"),
            Ok(Receipt::Spooled { .. }) => Ok("spool"),
            Err(PublishError::TooLarge { bytes_max, .. }) => Err(Problem::new(
                Code::BodyTooLarge,
                format!("the event would be longer than {bytes_max} bytes"),
            )),
            Err(PublishError::Full(_)) => Err(Problem::new(
                Code::Overloaded,
                "no more purchases can be kept safely now; try again with the same key",
            )),
            Err(PublishError::Unconfirmed(_) | PublishError::Closed) => Err(Problem::new(
                Code::OutcomeUnknown,
                "try again with the same key: it cannot become two purchases",
            )),
        }
    }
}
