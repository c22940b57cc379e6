//! Analytics through a database and over HTTP.

mod support;

use std::{collections::BTreeMap, sync::Arc};

use analytics::{
    AnalyticsKeys, AnalyticsRows, MIGRATIONS, Observed, Reader, Windows,
    decide::decide,
    read::{Fraction, Range, Size, TopBy},
    router,
    touches::{touches, touches_after},
};
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use runtime::{
    rows::Rows,
    store::{Mode, SqliteStore, Store},
};
use schemas::Event;
use serde_json::Value;
use support::{Bought, HOUR, START, facts, observed, purchase};
use tower::ServiceExt;

async fn store(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let store = SqliteStore::open(folder.path().join("analytics.db")).expect("a database");
    let applied = store.migrate("analytics", MIGRATIONS).await;
    assert_eq!(applied.expect("migrations"), MIGRATIONS.len());
    Arc::new(store)
}

/// One batch as a consumer would write it.
async fn write(store: &dyn Store, batch: &[Observed]) {
    let windows = Windows::default();
    let mut keys = AnalyticsKeys::default();
    for record in batch {
        touches(&windows, record, &mut keys);
    }
    let mut transaction = store.begin(Mode::Write).await.expect("a transaction");
    let mut rows = AnalyticsRows::default();
    rows.load(&keys, transaction.as_mut()).await.expect("rows");
    for record in batch {
        touches_after(&windows, &rows, record, &mut keys);
    }
    rows.load(&keys, transaction.as_mut()).await.expect("rows");
    for record in batch {
        rows.mark();
        decide(&windows, &mut rows, record).expect("counted");
    }
    rows.write(transaction.as_mut()).await.expect("written");
    transaction.commit().await.expect("committed");
}

/// Three purchases in two shards and two hours; the first is paid for, the second declined.
async fn filled(folder: &tempfile::TempDir) -> Reader {
    let store = store(folder).await;
    let bought = |id: &str, customer, after, lines: &[(i64, i32, i64)]| Bought {
        purchase_id: id.to_owned(),
        customer,
        at: START + after,
        currency: "EUR",
        lines: lines.to_vec(),
    };
    let all = [
        (bought("a", 1, 0, &[(1, 2, 100), (2, 1, 50)]), 0),
        (bought("b", 1, 10, &[(1, 1, 100), (2, 1, 50), (3, 7, 1)]), 1),
        (bought("c", 2, HOUR, &[(3, 1, 1)]), 1),
    ];
    for (bought, shard) in &all {
        let made = observed(Event::Purchase(purchase(bought)), *shard);
        write(store.as_ref(), &[made]).await;
    }
    let paid = facts(&all[0].0, 1_000_000);
    let declined = facts(&all[1].0, 1_000_000);
    let stated = [paid[1].clone(), paid[6].clone()].map(|event| observed(event, 0));
    write(store.as_ref(), &stated).await;
    write(store.as_ref(), &[observed(declined[2].clone(), 1)]).await;
    Reader::new(store, Windows::default())
}

const TWO_HOURS: Range = Range {
    from: START,
    to: START + 2 * HOUR,
};

#[tokio::test]
async fn shards_are_added_up_when_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let reader = filled(&folder).await;
    let hours = reader.windows(Size::Coarse, TWO_HOURS).await.unwrap();
    assert_eq!(hours.len(), 2);
    let first = &hours[0];
    assert_eq!(first.start, START);
    assert_eq!((first.counts["purchases"], first.counts["units"]), (2, 12));
    let half = Fraction {
        numerator: 1,
        denominator: 2,
    };
    assert_eq!((first.rates.conversion, first.rates.decline), (half, half));
    // 2 * 100 + 50 and 100 + 50 + 7, two and three lines with 7 tax each, and 500 for shipping.
    let money = first.money["EUR"];
    assert_eq!(money.ordered_minor, 250 + 157 + 5 * 7 + 2 * 500);
    assert_eq!((money.captured_minor, money.revenue_minor), (764, 764));
    assert_eq!(hours[1].counts["purchases"], 1);
    let minutes = reader.windows(Size::Fine, TWO_HOURS).await.unwrap();
    assert_eq!(
        minutes
            .iter()
            .map(|minute| minute.counts["purchases"])
            .sum::<i64>(),
        3
    );
}

#[tokio::test]
async fn items_are_ranked_and_paired_and_customers_counted() {
    let folder = tempfile::tempdir().unwrap();
    let reader = filled(&folder).await;
    let top = reader
        .top_items(TWO_HOURS, &TopBy::Units, 10)
        .await
        .unwrap();
    let ranked: Vec<(i64, i64)> = top
        .iter()
        .map(|item| (item.item_id, item.ordered_units))
        .collect();
    assert_eq!(ranked, [(3, 8), (1, 3), (2, 2)]);
    let by = TopBy::Revenue {
        currency: "EUR".to_owned(),
    };
    let top = reader.top_items(TWO_HOURS, &by, 1).await.unwrap();
    assert_eq!((top[0].item_id, top[0].captured_minor), (1, 200));
    let together = reader.together(2, TWO_HOURS, 10).await.unwrap();
    let together: BTreeMap<i64, i64> = (together.iter())
        .map(|other| (other.item_id, other.baskets))
        .collect();
    assert_eq!(together, BTreeMap::from([(1, 2), (3, 1)]));
    assert_eq!(reader.distinct_customers(TWO_HOURS).await.unwrap(), 2);
}

async fn get(reader: &Reader, path: &str) -> (StatusCode, String, Value) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = router(reader.clone())
        .oneshot(request)
        .await
        .expect("a response");
    let kind = response.headers()[header::CONTENT_TYPE]
        .to_str()
        .expect("text");
    let (status, kind) = (response.status(), kind.to_owned());
    let body = to_bytes(response.into_body(), 1 << 20)
        .await
        .expect("a body");
    (status, kind, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn the_view_answers_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let reader = filled(&folder).await;
    let range = format!("from={START}&to={}", START + 2 * HOUR);
    let (status, _, body) = get(&reader, &format!("/analytics/windows?size=hour&{range}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["windows"][0]["counts"]["purchases"], 2);
    assert_eq!(body["windows"][0]["rates"]["conversion"]["denominator"], 2);
    let (_, _, body) = get(&reader, &format!("/analytics/items/top?limit=1&{range}")).await;
    assert_eq!(body["items"][0]["item_id"], 3);
    let (_, _, body) = get(&reader, &format!("/analytics/items/1/together?{range}")).await;
    assert_eq!(body["items"][0]["item_id"], 2);
    let (_, _, body) = get(&reader, &format!("/analytics/customers?{range}")).await;
    assert_eq!(body["distinct_customers_estimate"], 2);
    let since = "from=2023-11-14T00:00:00Z&to=2023-11-15T00:00:00Z";
    let (status, _, _) = get(&reader, &format!("/analytics/windows?size=hour&{since}")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_answered_is_explained_as_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let reader = filled(&folder).await;
    for path in [
        "/analytics/windows?size=day",
        "/analytics/windows?from=yesterday",
        "/analytics/windows?from=2&to=1",
        "/analytics/windows?from=0&to=9000000000000000",
        "/analytics/windows?colour=red",
        "/analytics/items/top?by=revenue",
        "/analytics/items/top?limit=0",
        "/analytics/items/ribbon/together",
    ] {
        let (status, kind, body) = get(&reader, path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(kind, "application/problem+json", "{path}");
        assert_eq!(body["status"], 400);
        assert!(
            body["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{path}"
        );
    }
}
