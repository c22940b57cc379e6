//! The carrier's HTTP interface, in the part that is used.

use remote::{Remote, RemoteConfig, RemoteError, idempotency_key};
use reqwest::{Method, RequestBuilder};

use super::{
    CarrierConfig,
    reply::{Reply, sort},
};
use crate::event::Ask;

/// A longer reply is none that we know.
const REPLY_BYTES_MAX: usize = 1 << 16;

const SHIPMENTS: [&str; 3] = ["carrier", "v1", "shipments"];

#[derive(Debug)]
pub(super) struct Carrier {
    remote: Remote,
}

impl Carrier {
    pub(super) fn new(config: &CarrierConfig) -> Result<Self, RemoteError> {
        let remote = Remote::new(&RemoteConfig {
            base_url: config.base_url.clone(),
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        })?;
        Ok(Self { remote })
    }

    /// Hands a shipment over.
    pub(super) async fn hand_over(&self, ask: &Ask, key: &str) -> Reply {
        let request = (self.remote.request(Method::POST, &SHIPMENTS))
            .header("Idempotency-Key", idempotency_key(key))
            .json(ask);
        self.send(request).await
    }

    /// What it knows of a shipment.
    pub(super) async fn shipment(&self, shipment_id: &str) -> Reply {
        let [carrier, v1, shipments] = SHIPMENTS;
        let path = [carrier, v1, shipments, shipment_id];
        self.send(self.remote.request(Method::GET, &path)).await
    }

    async fn send(&self, request: RequestBuilder) -> Reply {
        match self.remote.send(request).await {
            Ok(heard) => sort(&heard),
            Err(later) => Reply::Later(later),
        }
    }
}
