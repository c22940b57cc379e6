//! Where accounts have keys: what one account buys exists for itself alone.

use reqwest::{Response, StatusCode};
use serde_json::Value;
use storefront::{Accounts, Config};

use crate::support::{Running, body, problem, start};

async fn start_closed() -> Running {
    let keys = [("key-1", "shop-1"), ("key-2", "shop-2")];
    let owned = |(key, account): (&str, &str)| (key.to_owned(), account.to_owned());
    let config = Config {
        accounts: Accounts::Keys(keys.map(owned).into()),
        ..Config::default()
    };
    start(config).await
}

/// A request with this account's key, or with none.
async fn asked(running: &Running, key: Option<&str>, method: &str, path: &str) -> Response {
    let url = format!("{}{path}", running.base);
    let mut request = running.http.request(method.parse().unwrap(), url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    request.send().await.unwrap()
}

async fn buy(running: &Running, key: &str, order: &str) -> Response {
    let request = running.http.post(format!("{}/v1/purchases", running.base));
    let request = request.bearer_auth(key).header("Idempotency-Key", order);
    request.json(&body()).send().await.unwrap()
}

async fn bought(running: &Running, key: &str, order: &str) -> String {
    let accepted = buy(running, key, order).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let answer: Value = accepted.json().await.unwrap();
    answer["purchase_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_purchase_of_another_account_does_not_exist() {
    let running = start_closed().await;
    let id = bought(&running, "key-1", "order-17").await;
    assert_eq!(id, schemas::ids::purchase_id("shop-1", "order-17"));
    assert_ne!(id, bought(&running, "key-2", "order-17").await);
    running.known.learn(&id, "accepted", None);
    let nobodys = schemas::ids::purchase_id("shop-2", "never-bought");
    let requests = [("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")];
    for (method, path) in requests {
        let of = |id: &str| format!("/v1/purchases/{id}{path}");
        let unnamed = asked(&running, None, method, &of(&id)).await;
        problem(unnamed, 401, "unauthorised").await;
        let another = asked(&running, Some("key-2"), method, &of(&id)).await;
        assert_eq!(another.headers()["retry-after"], "1");
        let another = problem(another, 404, "purchase_not_known_yet").await;
        if method == "GET" {
            // Nothing tells it from a purchase that nobody has made.
            let unmade = asked(&running, Some("key-2"), method, &of(&nobodys)).await;
            assert_eq!(
                problem(unmade, 404, "purchase_not_known_yet").await,
                another
            );
        }
        let its_own = asked(&running, Some("key-1"), method, &of(&id)).await;
        assert!(its_own.status().is_success(), "{method} {path}");
    }
    // Of the cancellations, the one of the purchase's own account was published and no other.
    let last = bought(&running, "key-1", "last").await;
    let events = running.published(4);
    let cancelled: Vec<_> = (events.iter())
        .filter(|event| event.kind() == "PurchaseCancellationRequested")
        .filter_map(|event| event.purchase_id())
        .collect();
    assert_eq!(cancelled, [id.as_str()]);
    assert!(
        events
            .iter()
            .any(|event| event.purchase_id() == Some(&last))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_cancels_its_purchase_before_anything_is_known_of_it() {
    let running = start_closed().await;
    let id = schemas::ids::purchase_id("shop-2", "order-1");
    let path = format!("/v1/purchases/{id}/cancel");
    let refused = asked(&running, Some("key-1"), "POST", &path).await;
    problem(refused, 404, "purchase_not_known_yet").await;
    let kept = asked(&running, Some("key-2"), "POST", &path).await;
    assert_eq!(kept.status(), StatusCode::ACCEPTED);
    assert_eq!(running.published(1)[0].purchase_id(), Some(id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_whoever_knows_an_id_reads_and_cancels_it() {
    let running = start(Config::default()).await;
    running.known.learn("p-1", "accepted", None);
    for (method, path) in [("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")] {
        let path = format!("/v1/purchases/p-1{path}");
        let served = asked(&running, None, method, &path).await;
        assert!(served.status().is_success(), "{method} {path}");
    }
}
