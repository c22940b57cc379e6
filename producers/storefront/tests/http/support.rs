//! A storefront over real TCP, on librdkafka's in-process cluster and a read model of the test's
//! own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::spool::SpoolConfig;
use client::testing::Cluster;
use client::{Publisher, Record};
use prometheus::Registry;
use reqwest::{Client, Response};
use schemas::{Encoder, topics};
use serde_json::{Value, json};
use storefront::{
    Config, Listeners, Pending, PurchaseStatus, ReadModel, Storefront, TimelineEntry,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the test says is known.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<String, PurchaseStatus>>);

impl Known {
    pub(crate) fn learn(&self, purchase_id: &str, status: &str, content_hash: Option<String>) {
        let status = PurchaseStatus {
            purchase_id: purchase_id.to_owned(),
            status: status.to_owned(),
            rank: 1,
            reason: None,
            updated_at: 1,
            content_hash,
        };
        self.0
            .lock()
            .unwrap()
            .insert(purchase_id.to_owned(), status);
    }
}

impl ReadModel for Known {
    fn status<'a>(&'a self, purchase_id: &'a str) -> Pending<'a, Option<PurchaseStatus>> {
        let status = self.0.lock().unwrap().get(purchase_id).cloned();
        Box::pin(async { Ok(status) })
    }

    fn timeline<'a>(&'a self, purchase_id: &'a str) -> Pending<'a, Vec<TimelineEntry>> {
        let known = self.0.lock().unwrap().contains_key(purchase_id);
        let entry = TimelineEntry {
            event_id: "event".into(),
            kind: "Purchase".into(),
            occurred_at: 1,
            causation_id: None,
            summary: "bought".into(),
            topic: topics::PURCHASES.into(),
            partition: 0,
            offset: 7,
        };
        Box::pin(async move { Ok(if known { vec![entry] } else { Vec::new() }) })
    }
}

pub(crate) struct Running {
    pub(crate) cluster: Cluster,
    pub(crate) known: Arc<Known>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) base: String,
    pub(crate) admin: String,
    pub(crate) http: Client,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) server: JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

pub(crate) async fn start(config: Config) -> Running {
    let cluster = Cluster::start(&[topics::PURCHASES]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let settings = client::Config::new(cluster.bootstrap_servers())
        .spooled(SpoolConfig::in_folder(folder.path()));
    let publisher = Arc::new(Publisher::open(&settings, &registry).unwrap());
    let known = Arc::new(Known::default());
    let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", public.local_addr().unwrap());
    let admin_base = format!("http://{}", admin.local_addr().unwrap());
    let storefront = Storefront {
        config,
        encoder: Encoder::new(),
        publisher: Arc::clone(&publisher),
        read_model: Arc::clone(&known) as Arc<dyn ReadModel>,
        registry,
    };
    let (stop, stopped) = oneshot::channel();
    let listeners = Listeners {
        public,
        admin: Some(admin),
    };
    let server = tokio::spawn(storefront::run(storefront, listeners, async {
        let _told_or_gone = stopped.await;
    }));
    Running {
        cluster,
        known,
        publisher,
        base,
        admin: admin_base,
        http: Client::new(),
        stop: Some(stop),
        server,
        _folder: folder,
    }
}

impl Running {
    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Response {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap()
    }

    /// Decoded, as every reader does it.
    pub(crate) fn published(&self, count: usize) -> Vec<schemas::Event> {
        let records = self
            .cluster
            .read(topics::PURCHASES, count, PATIENCE)
            .unwrap();
        assert!(
            records.len() >= count,
            "{} of {count} arrived",
            records.len()
        );
        records.iter().map(event_of).collect()
    }
}

fn event_of(record: &Record) -> schemas::Event {
    let headers: Vec<(String, Vec<u8>)> = (record.headers.iter().cloned())
        .map(|(name, value)| (name, value.unwrap_or_default()))
        .collect();
    let raw = schemas::RawRecord {
        topic: &record.topic,
        key: record.key.as_deref(),
        payload: record.payload.as_deref(),
        headers: &headers,
        timestamp_micros: 0,
    };
    schemas::Decoder::new(3).decode(&raw).unwrap().event
}

pub(crate) async fn problem(response: Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status().as_u16(), status);
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(kind, "application/problem+json");
    assert!(response.headers().contains_key("x-request-id"));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()));
    }
    body
}

pub(crate) fn body() -> Value {
    json!({
        "customer_id": "customer-1",
        "currency": "USD",
        "delivery_tier": "TWO_DAY",
        "lines": [{"item_id": 2341083, "quantity": 1, "unit_price_minor": 32349}],
        "tenders": [{"kind": "CARD", "amount_minor": 32349, "ref": "pm_card_visa"}],
        "instructions": "Please put a ribbon on my package",
    })
}
