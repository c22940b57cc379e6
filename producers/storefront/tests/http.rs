//! The storefront over real TCP, on librdkafka's in-process cluster and a read model of the
//! test's own.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::spool::SpoolConfig;
use client::testing::Cluster;
use client::{Publisher, Record, WriteVersion};
use prometheus::Registry;
use reqwest::{Client, Response, StatusCode};
use schemas::{Encoder, topics};
use serde_json::{Value, json};
use storefront::{
    Config, Listeners, Pending, PurchaseStatus, ReadModel, Storefront, TimelineEntry,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(20);

/// What the test says is known.
#[derive(Default)]
struct Known(Mutex<HashMap<String, PurchaseStatus>>);

impl Known {
    fn learn(&self, purchase_id: &str, status: &str, content_hash: Option<String>) {
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

struct Running {
    cluster: Cluster,
    known: Arc<Known>,
    publisher: Arc<Publisher>,
    base: String,
    admin: String,
    http: Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

async fn start(config: Config) -> Running {
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
    async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Response {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.http
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap()
    }

    /// Decoded, as every reader does it.
    fn published(&self, count: usize) -> Vec<schemas::Event> {
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

async fn problem(response: Response, status: u16, code: &str) -> Value {
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

fn body() -> Value {
    json!({
        "customer_id": "customer-1",
        "currency": "USD",
        "delivery_tier": "TWO_DAY",
        "lines": [{"item_id": 2341083, "quantity": 1, "unit_price_minor": 32349}],
        "tenders": [{"kind": "CARD", "amount_minor": 32349, "ref": "pm_card_visa"}],
        "instructions": "Please put a ribbon on my package",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_accepted_and_published_under_a_derived_id() {
    let running = start(Config::default()).await;
    let first = running
        .post("/v1/purchases", Some("\"key-1\""), &body())
        .await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let purchase_id = schemas::ids::purchase_id("default", "key-1");
    let location = format!("/v1/purchases/{purchase_id}");
    assert_eq!(first.headers()["location"], location.as_str());
    // A double click: the same purchase, the same event.
    let second = running.post("/v1/purchases", Some("key-1"), &body()).await;
    assert_eq!(second.headers()["location"], location.as_str());
    let events = running.published(2);
    let [schemas::Event::Purchase(one), schemas::Event::Purchase(two)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(one.purchase_id, purchase_id);
    assert_eq!(one.event_id, two.event_id);
    assert_eq!(one.content_hash(), two.content_hash());
    assert_eq!(one.written_version, 3);
    assert_eq!(one.total_minor(), 32_349);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_written_version_is_configuration_as_far_as_it_can_say_the_purchase() {
    let config = Config {
        write_version: Arc::new(WriteVersion::fixed(1)),
        ..Config::default()
    };
    let running = start(config).await;
    let mut simple = body();
    simple["tenders"][0]["ref"] = Value::Null;
    running.post("/v1/purchases", Some("simple"), &simple).await;
    running
        .post("/v1/purchases", Some("with-a-card"), &body())
        .await;
    let mut versions: Vec<u8> = (running.published(2).iter())
        .map(|event| match event {
            schemas::Event::Purchase(purchase) => purchase.written_version,
            other => panic!("{other:?}"),
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() {
    let running = start(Config::default()).await;
    let post = "/v1/purchases";
    problem(
        running.post(post, None, &body()).await,
        400,
        "idempotency_key_missing",
    )
    .await;
    problem(
        running.post(post, Some("\"open"), &body()).await,
        400,
        "idempotency_key_invalid",
    )
    .await;
    let mut wrong = body();
    wrong["currency"] = json!("XXX");
    wrong["lines"][0]["quantity"] = json!(0);
    let refused = problem(
        running.post(post, Some("k"), &wrong).await,
        422,
        "invalid_fields",
    )
    .await;
    assert_eq!(refused["errors"][0]["field"], "lines[0].quantity");
    let request = running.http.post(format!("{}{post}", running.base));
    let request = request.header("Idempotency-Key", "k");
    let not_json = request
        .try_clone()
        .unwrap()
        .header("content-type", "application/json");
    problem(
        not_json.body("{").send().await.unwrap(),
        400,
        "invalid_json",
    )
    .await;
    problem(
        request.body("{}").send().await.unwrap(),
        415,
        "unsupported_media_type",
    )
    .await;
    let large = json!({"instructions": "x".repeat(300 << 10)});
    problem(
        running.post(post, Some("k"), &large).await,
        413,
        "body_too_large",
    )
    .await;
    problem(running.get("/nowhere").await, 404, "no_such_address").await;
    let deleted = running
        .http
        .delete(format!("{}{post}", running.base))
        .send()
        .await
        .unwrap();
    problem(deleted, 405, "method_not_allowed").await;
    // None of them was published: what comes first is what comes now.
    running.post(post, Some("good"), &body()).await;
    let good = schemas::ids::purchase_id("default", "good");
    assert_eq!(running.published(1)[0].purchase_id(), Some(good.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_body_is_refused_once_the_first_is_known() {
    let running = start(Config::default()).await;
    running.post("/v1/purchases", Some("key-1"), &body()).await;
    let events = running.published(1);
    let schemas::Event::Purchase(purchase) = &events[0] else {
        panic!("{events:?}");
    };
    running.known.learn(
        &purchase.purchase_id,
        "accepted",
        Some(purchase.content_hash()),
    );
    let mut other = body();
    other["customer_id"] = json!("customer-2");
    let refused = running.post("/v1/purchases", Some("key-1"), &other).await;
    problem(refused, 422, "idempotency_key_reused").await;
    let same = running.post("/v1/purchases", Some("key-1"), &body()).await;
    assert_eq!(same.status(), StatusCode::ACCEPTED);
    let answer: Value = same.json().await.unwrap();
    assert_eq!(answer["durable_in"], "known");
    // Neither was published: what comes second is what comes now.
    running.post("/v1/purchases", Some("key-2"), &body()).await;
    let events = running.published(2);
    assert_ne!(events[0].purchase_id(), events[1].purchase_id());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_purchase_is_404_and_a_long_poll_waits_for_it() {
    let running = start(Config::default()).await;
    let missing = running.get("/v1/purchases/p-1").await;
    assert_eq!(missing.headers()["retry-after"], "1");
    problem(missing, 404, "purchase_not_known_yet").await;
    problem(
        running.get("/v1/purchases/p-1/timeline").await,
        404,
        "purchase_not_known_yet",
    )
    .await;
    problem(
        running.get("/v1/purchases/p-1?wait=soon").await,
        422,
        "invalid_fields",
    )
    .await;
    let waiting = tokio::spawn({
        let request = running
            .http
            .get(format!("{}/v1/purchases/p-1?wait=20", running.base));
        async move { request.send().await.unwrap() }
    });
    running.known.learn("p-1", "accepted", None);
    let found: PurchaseStatus = waiting.await.unwrap().json().await.unwrap();
    assert_eq!(found.status, "accepted");
    let started = Instant::now();
    let unchanged = running
        .get("/v1/purchases/p-1?wait=0.2&status=accepted")
        .await;
    assert_eq!(unchanged.status(), StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(200));
    let timeline: Value = running
        .get("/v1/purchases/p-1/timeline")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(timeline["entries"][0]["offset"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_published_once_per_asker() {
    let running = start(Config::default()).await;
    let id = schemas::ids::purchase_id("default", "key-1");
    let path = format!("/v1/purchases/{id}/cancel");
    let plain = running
        .http
        .post(format!("{}{path}", running.base))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), StatusCode::ACCEPTED);
    let reason = json!({"reason": "customer"});
    assert_eq!(
        running.post(&path, None, &reason).await.status(),
        StatusCode::ACCEPTED
    );
    let wrong = running.post(&path, None, &json!({"reason": "whim"})).await;
    problem(wrong, 422, "invalid_fields").await;
    let events = running.published(2);
    assert_eq!(events[0].event_id(), events[1].event_id());
    assert_eq!(events[0].kind(), "PurchaseCancellationRequested");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_message_is_imported_or_refused_by_field() {
    let running = start(Config::default()).await;
    let mut message = json!({
        "Type": "PurchasedItemOnWebsite", "ItemId": 2341083, "Date": "13/03/20",
        "UserId": "user-1", "Price": "$323.49", "Prime": "NO",
        "Instructions": "Please put a ribbon on my package",
    });
    message["Date"] = json!("03/12/20");
    let ambiguous = running.post("/v1/import", Some("m-1"), &message).await;
    let refused = problem(ambiguous, 422, "invalid_fields").await;
    assert_eq!(refused["errors"][0]["field"], "Date");
    message["Date"] = json!("03/13/20");
    let accepted = running.post("/v1/import", Some("m-1"), &message).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let events = running.published(1);
    let schemas::Event::Purchase(purchase) = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(purchase.total_minor(), 32_349);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_kafka_is_not_an_outage_of_the_shop() {
    let running = start(Config::default()).await;
    running.cluster.go_down().unwrap();
    for number in 0..5 {
        let accepted = running
            .post("/v1/purchases", Some(&format!("k-{number}")), &body())
            .await;
        assert_eq!(accepted.status(), StatusCode::ACCEPTED);
        let answer: Value = accepted.json().await.unwrap();
        assert_eq!(answer["durable_in"], "spool");
    }
    let ready = running
        .http
        .get(format!("{}/readyz", running.admin))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let metrics = running
        .http
        .get(format!("{}/metrics", running.admin))
        .send()
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(
        metrics.contains("counterflow_http_requests_total"),
        "{metrics}"
    );
    assert!(
        !metrics.contains("counterflow_spool_bytes 0\n"),
        "{metrics}"
    );
    running.cluster.come_up().unwrap();
    // The one that was under way when the outage began may arrive twice.
    let distinct = |count| {
        let events = running.published(count);
        let ids = events
            .iter()
            .filter_map(|event| event.purchase_id().map(str::to_owned));
        ids.collect::<std::collections::HashSet<String>>().len()
    };
    let mut count = 5;
    while distinct(count) < 5 {
        count += 1;
    }
    let deadline = Instant::now() + PATIENCE;
    while running.publisher.health().spool_bytes > 0 {
        assert!(Instant::now() < deadline, "the spool is not drained");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn load_beyond_the_bound_is_shed_and_long_polls_never_block_purchases() {
    let config = Config {
        reads_max: 1,
        ..Config::default()
    };
    let running = start(config).await;
    let poll = running
        .http
        .get(format!("{}/v1/purchases/p-1?wait=20", running.base));
    let waiting = tokio::spawn(async move { poll.send().await.unwrap() });
    let deadline = Instant::now() + PATIENCE;
    loop {
        let other = running.get("/v1/purchases/p-2").await;
        if other.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(other.headers()["retry-after"], "1");
            problem(other, 503, "overloaded").await;
            break;
        }
        assert!(Instant::now() < deadline, "nothing was shed");
    }
    let bought = running.post("/v1/purchases", Some("k"), &body()).await;
    assert_eq!(bought.status(), StatusCode::ACCEPTED);
    running.known.learn("p-1", "accepted", None);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_and_slow_bodies_are_cut_off() {
    let config = Config {
        header_timeout: Duration::from_millis(200),
        request_timeout: Duration::from_millis(300),
        ..Config::default()
    };
    let running = start(config).await;
    let address = running.base.strip_prefix("http://").unwrap().to_owned();
    let read_to_end = async |request: &[u8]| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        drop(
            tokio::time::timeout(PATIENCE, read)
                .await
                .expect("it is cut off"),
        );
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = read_to_end(b"POST /v1/purchases HTTP/1.1\r\nhost: a\r\nx-slow").await;
    assert!(!answer.contains(" 20"), "{answer}");
    let answer = read_to_end(
        b"POST /v1/purchases HTTP/1.1\r\nhost: a\r\nconnection: close\r\nidempotency-key: k\r\n\
          content-type: application/json\r\ncontent-length: 50\r\n\r\n{",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"timeout\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_finishes_what_is_under_way() {
    let mut running = start(Config::default()).await;
    let poll = running
        .http
        .get(format!("{}/v1/purchases/p-1?wait=20", running.base));
    let waiting = tokio::spawn(async move { poll.send().await.unwrap() });
    let metrics = format!("{}/metrics", running.admin);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = running
            .http
            .get(&metrics)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        if text.contains("counterflow_http_in_flight{kind=\"read\"} 1") {
            break;
        }
        assert!(Instant::now() < deadline, "{text}");
    }
    running.stop.take().unwrap().send(()).unwrap();
    let ready = format!("{}/readyz", running.admin);
    while running.http.get(&ready).send().await.unwrap().status() == StatusCode::OK {
        assert!(Instant::now() < deadline);
    }
    running.known.learn("p-1", "accepted", None);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    running.server.await.unwrap().unwrap();
    assert!(
        running
            .http
            .get(format!("{}/v1/purchases/p-1", running.base))
            .send()
            .await
            .is_err()
    );
}
