//! `/v1/import`: the old message.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use storefront::{Accounts, Config};

use crate::support::{Running, body, problem, start};

fn message() -> Value {
    json!({
        "Type": "PurchasedItemOnWebsite", "ItemId": 2341083, "Date": "2020-03-13",
        "UserId": "shop-1", "Price": "$323.49", "Prime": "NO",
        "Instructions": "Please put a ribbon on my package",
    })
}

/// Posts as an account that has a key.
async fn post(running: &Running, path: &str, account_key: &str, sent: &Value) -> Response {
    let request = running.http.post(format!("{}{path}", running.base));
    let request = request.bearer_auth(account_key);
    let request = request.header("Idempotency-Key", "order-17");
    request.json(sent).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_message_is_imported_or_refused_by_field() {
    let running = start(Config::default()).await;
    let mut message = message();
    message["Date"] = json!("03/12/20");
    let ambiguous = running.post("/v1/import", Some("m-1"), &message).await;
    let refused = problem(ambiguous, 422, "invalid_fields").await;
    assert_eq!(refused["errors"][0]["field"], "Date");
    message["Date"] = json!("03/13/20");
    message["Price"] = json!("$1,000,000.00");
    let dear = running.post("/v1/import", Some("m-1"), &message).await;
    let refused = problem(dear, 422, "invalid_fields").await;
    assert_eq!(refused["errors"][0]["field"], "Price");
    message["Price"] = json!("$323.49");
    let accepted = running.post("/v1/import", Some("m-1"), &message).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let events = running.published(1);
    let schemas::Event::Purchase(purchase) = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(purchase.total_minor(), 32_349);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_and_user_are_another_purchase_in_another_account() {
    let keys = [("key-1", "shop-1"), ("key-2", "shop-2")];
    let owned = |(key, account): (&str, &str)| (key.to_owned(), account.to_owned());
    let config = Config {
        accounts: Accounts::Keys(keys.map(owned).into()),
        ..Config::default()
    };
    let running = start(config).await;
    // The user is called as the other account is.
    let accepted = [
        post(&running, "/v1/import", "key-2", &message()).await,
        post(&running, "/v1/import", "key-1", &message()).await,
        post(&running, "/v1/purchases", "key-1", &body()).await,
    ];
    let mut locations: Vec<String> = (accepted.iter())
        .map(|response| {
            assert_eq!(response.status(), StatusCode::ACCEPTED);
            response.headers()["location"].to_str().unwrap().to_owned()
        })
        .collect();
    locations.sort_unstable();
    locations.dedup();
    assert_eq!(locations.len(), 3, "{locations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_of_next_year_is_refused_and_not_published() {
    let running = start(Config::default()).await;
    let mut message = message();
    let next_year = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(366 * 24);
    message["Date"] = json!(next_year.strftime("%Y-%m-%d").to_string());
    let refused = running.post("/v1/import", Some("m-1"), &message).await;
    let refused = problem(refused, 422, "invalid_fields").await;
    assert_eq!(refused["errors"][0]["field"], "Date", "{refused}");
    message["Date"] = json!("2020-03-13");
    let accepted = running.post("/v1/import", Some("m-1"), &message).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let schemas::Event::Purchase(purchase) = &running.published(1)[0] else {
        panic!("no purchase");
    };
    assert_eq!(purchase.occurred_at, 1_584_057_600_000_000);
}
