//! G-8: shops and browsers that send a purchase more than once.

use std::{thread, time::Duration};

use harness::{Broker as _, eventually, kafka::Kafka, postgres, probe};
use serde_json::{Value, json};

use crate::whole::{database::Database, load::Load, members::Pipeline, quiet, shop::Counter};

const DEADLINE: Duration = Duration::from_secs(120);
const CLICKS: usize = 8;

fn order(instructions: &str) -> Value {
    json!({
        "customer_id": "customer",
        "currency": "USD",
        "delivery_tier": "STANDARD",
        "lines": [{"item_id": item(), "quantity": 1, "unit_price_minor": 1_999}],
        "tenders": [{"kind": "CARD", "amount_minor": 1_999}],
        "instructions": instructions,
    })
}

/// One that is on the shelf.
fn item() -> i64 {
    let sku = simulator::catalogue::stocked_skus().next().unwrap();
    sku.parse().unwrap()
}

fn buy(storefront: &str, key: &str, order: &Value) -> (u16, Value) {
    let headers = [("Idempotency-Key", key), ("X-Account", "shop")];
    let url = format!("{storefront}/v1/purchases");
    let (status, body) = probe::post_with(&url, &headers, order).unwrap();
    (status, serde_json::from_str(&body).unwrap_or_default())
}

/// The same order from several browser windows at once.
fn clicked(storefront: &str, key: &str, orders: &[Value]) -> Vec<(u16, Value)> {
    thread::scope(|scope| {
        let clicks: Vec<_> = (orders.iter())
            .map(|order| scope.spawn(|| buy(storefront, key, order)))
            .collect();
        clicks
            .into_iter()
            .map(|click| click.join().unwrap())
            .collect()
    })
}

#[test]
fn g8_a_purchase_that_is_sent_again_is_one_order_and_one_that_says_something_else_is_refused() {
    let kafka = Kafka::start().unwrap();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    Counter::open(&pipeline.bootstrap).fill_shelves(1_000);
    pipeline.start_sandbox();
    let storefront = pipeline.start_storefront();
    pipeline.start_all(1);
    Load::until_open(&mut pipeline);

    let twice = clicked(
        &storefront,
        "\"double-click\"",
        &vec![order("a ribbon"); CLICKS],
    );
    let id = twice[0].1["purchase_id"].clone();
    assert!(id.is_string(), "{twice:?}");
    for (status, body) in &twice {
        assert_eq!((*status, &body["purchase_id"]), (202, &id));
    }
    eventually(DEADLINE, "it is known", || {
        status_of(&pipeline, &id) == ["completed"]
    });
    // A retry of somebody who has not heard the answer, after all has happened.
    let (status, body) = buy(&storefront, "\"double-click\"", &order("a ribbon"));
    assert_eq!((status, &body["purchase_id"]), (202, &id));
    // And one that says something else.
    let (status, body) = buy(&storefront, "\"double-click\"", &order("no ribbon"));
    assert_eq!(status, 422, "{body}");

    // Before anything is known of the first, the log decides between two.
    let orders: Vec<Value> = (0..CLICKS).map(|click| order(&click.to_string())).collect();
    let racing = clicked(&storefront, "\"race\"", &orders);
    let taken: Vec<&Value> = (racing.iter().filter(|(status, _)| *status == 202))
        .map(|(_, body)| &body["purchase_id"])
        .collect();
    assert!(
        racing
            .iter()
            .all(|(status, _)| [202, 409, 422].contains(status)),
        "{racing:?}"
    );
    assert!(taken.iter().all(|id| *id == taken[0]), "{racing:?}");
    eventually(DEADLINE, "one of them is known", || {
        status_of(&pipeline, taken[0]) == ["completed"]
    });

    quiet::until_quiet(&pipeline, DEADLINE);
    let query = "SELECT count(*) FROM payments WHERE state = 'captured'";
    assert_eq!(
        pipeline.database.number("payment", query).unwrap(),
        2,
        "two orders, each paid once"
    );
    let query = "SELECT count(*) FROM dispatches WHERE state = 'handed_over'";
    assert_eq!(pipeline.database.number("dispatch", query).unwrap(), 2);
    let query = "SELECT count(*) FROM dead_letters WHERE reason = 'conflicting_duplicate'";
    let contradicting = pipeline.database.number("payment", query).unwrap();
    assert_eq!(usize::try_from(contradicting).unwrap(), taken.len() - 1);
    let journal = pipeline.journal().display().to_string();
    pipeline.succeed(&["audit", "--provider-journal", &journal]);
}

fn status_of(pipeline: &Pipeline, id: &Value) -> Vec<String> {
    let id = id.as_str().unwrap();
    let query = format!("SELECT status FROM purchases WHERE purchase_id = '{id}'");
    pipeline.database.column("timeline", &query).unwrap()
}
