//! `/v1/import`: the old message.

use reqwest::StatusCode;
use serde_json::json;
use storefront::Config;

use crate::support::{problem, start};

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
