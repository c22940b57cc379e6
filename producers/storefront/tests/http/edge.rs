//! What happens to every request: load is shed, slow ones are cut off, a stop finishes them.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use storefront::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, body, problem, start};

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
