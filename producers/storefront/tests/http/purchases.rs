//! Purchases: accepted, refused, read, cancelled, and kept while Kafka is away.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{LiveReader, VersionGate, WriteVersion};
use reqwest::StatusCode;
use serde_json::{Value, json};
use storefront::{Config, PurchaseStatus};

use crate::support::{PATIENCE, body, problem, start};

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

/// Groups of which the slowest reads this version.
struct Reading(u8);

impl VersionGate for Reading {
    fn live_readers(&self) -> Pin<Box<dyn Future<Output = GateAnswer> + Send + '_>> {
        let group = "inventory".to_owned();
        let reader = LiveReader {
            group,
            reads: self.0,
        };
        Box::pin(std::future::ready(Ok(vec![reader])))
    }
}

type GateAnswer = Result<Vec<LiveReader>, String>;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_live_group_would_park_is_not_accepted_until_the_group_has_followed() {
    let write_version = Arc::new(WriteVersion::cautious(3));
    let config = Config {
        write_version: Arc::clone(&write_version),
        ..Config::default()
    };
    let running = start(config).await;
    write_version.advance(&Reading(1)).await.unwrap_err();
    let mut basket = body();
    let more = json!({"item_id": 7, "quantity": 2, "unit_price_minor": 100});
    basket["lines"].as_array_mut().unwrap().push(more);
    basket["tenders"][0]["amount_minor"] = json!(32_549);
    let post = "/v1/purchases";
    let refused = running.post(post, Some("basket"), &basket).await;
    assert_eq!(refused.headers()["retry-after"], "5");
    problem(refused, 503, "readers_behind").await;
    let mut simple = body();
    simple["tenders"][0]["ref"] = Value::Null;
    simple["delivery_tier"] = json!("STANDARD");
    let accepted = running.post(post, Some("simple"), &simple).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    write_version.advance(&Reading(3)).await.unwrap();
    let accepted = running.post(post, Some("basket"), &basket).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let mut published: Vec<u8> = (running.published(2).iter())
        .map(|event| match event {
            schemas::Event::Purchase(purchase) => purchase.written_version,
            other => panic!("{other:?}"),
        })
        .collect();
    published.sort_unstable();
    assert_eq!(published, [1, 3]);
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
async fn an_address_that_no_purchase_can_have_is_nowhere() {
    let running = start(Config::default()).await;
    let long = "x".repeat(129);
    for id in ["a%00b", "%ff", "%20a", "a%E2%80%8B", long.as_str()] {
        for path in ["", "/timeline"] {
            let shown = running.get(&format!("/v1/purchases/{id}{path}")).await;
            problem(shown, 404, "no_such_address").await;
        }
        let path = format!("/v1/purchases/{id}/cancel");
        let cancelled = running.post(&path, None, &json!({})).await;
        problem(cancelled, 404, "no_such_address").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stands_twice_has_no_meaning() {
    let running = start(Config::default()).await;
    let text = body().to_string().replacen('{', r#"{"currency":"EUR","#, 1);
    let refused = running
        .http
        .post(format!("{}/v1/purchases", running.base))
        .header("idempotency-key", "\"key-1\"")
        .header("content-type", "application/json")
        .body(text)
        .send()
        .await
        .unwrap();
    problem(refused, 400, "invalid_json").await;
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
        ids.collect::<HashSet<String>>().len()
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
