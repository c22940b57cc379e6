//! The carrier's HTTP interface, in the part that is used.

use reqwest::{Client, RequestBuilder, Url, header::RETRY_AFTER, redirect::Policy};

use super::{
    CarrierConfig,
    reply::{Heard, Later, Reply, bounded, sort},
};
use crate::event::Ask;

/// A longer reply is none that we know.
const BODY_BYTES_MAX: usize = 1 << 16;

/// The carrier cannot be asked with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The address is none.
    #[error("the carrier's address {0:?} is not an http or https URL")]
    Address(String),
    /// The client cannot be built.
    #[error("build the carrier's HTTP client")]
    Client(#[from] reqwest::Error),
}

#[derive(Debug)]
pub(super) struct Carrier {
    client: Client,
    shipments: Url,
}

impl Carrier {
    pub(super) fn new(config: &CarrierConfig) -> Result<Self, CarrierError> {
        let address = || CarrierError::Address(config.base_url.clone());
        let mut shipments = (Url::parse(&config.base_url).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(address)?;
        (shipments.path_segments_mut().map_err(|()| address())?)
            .pop_if_empty()
            .extend(["carrier", "v1", "shipments"]);
        let client = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .redirect(Policy::none())
            // Repeating is decided by the task alone, so that each attempt is counted.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { client, shipments })
    }

    /// Hands a shipment over.
    pub(super) async fn hand_over(&self, ask: &Ask, idempotency_key: &str) -> Reply {
        let request = (self.client.post(self.shipments.clone()))
            .header("Idempotency-Key", idempotency_key)
            .json(ask);
        send(request).await
    }

    /// What it knows of a shipment.
    pub(super) async fn shipment(&self, shipment_id: &str) -> Reply {
        let mut url = self.shipments.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(shipment_id);
        }
        send(self.client.get(url)).await
    }
}

async fn send(request: RequestBuilder) -> Reply {
    match exchange(request).await {
        Ok(heard) => sort(&heard),
        Err(error) => Reply::Later(Later::unwell(failure(&error))),
    }
}

async fn exchange(request: RequestBuilder) -> Result<Heard, reqwest::Error> {
    let mut response = request.send().await?;
    let header = |name: &str| {
        (response.headers().get(name))
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let mut heard = Heard {
        status: response.status().as_u16(),
        retry_after: header(RETRY_AFTER.as_str()),
        replayed: header("idempotent-replayed").as_deref() == Some("true"),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await? {
        if heard.body.len() + chunk.len() > BODY_BYTES_MAX {
            heard.body.clear();
            break;
        }
        heard.body.extend_from_slice(&chunk);
    }
    Ok(heard)
}

/// What went wrong, without the URL: it names the customer's shipment.
fn failure(error: &reqwest::Error) -> String {
    let kind = match error {
        error if error.is_connect() => "cannot connect",
        error if error.is_timeout() => "timed out",
        _ => "the connection failed",
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match std::ptr::addr_eq(cause, error) {
        true => kind.to_owned(),
        false => format!("{kind}: {}", bounded(&cause.to_string())),
    }
}
