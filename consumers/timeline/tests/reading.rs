//! The timeline through a database: what was written is what the storefront reads.

mod support;

use std::sync::Arc;

use runtime::{
    rows::Rows,
    store::{Mode, SqliteStore, Store},
};
use schemas::Event;
use support::{READ_AT, contradicting, facts, observed, purchase, request, smooth};
use timeline::{
    CancellationOutcome, MIGRATIONS, Observed, Reader, Status, TimelineKeys, TimelineRows,
    decide::{CONFLICT, decide},
};

async fn store(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let store = SqliteStore::open(folder.path().join("timeline.db")).expect("a database");
    let applied = store.migrate("timeline", MIGRATIONS).await;
    assert_eq!(applied.expect("migrations"), MIGRATIONS.len());
    Arc::new(store)
}

/// One batch as a consumer would write it.
async fn write(store: &dyn Store, batch: &[Observed]) {
    let mut keys = TimelineKeys::default();
    for record in batch {
        keys.purchases.insert(record.purchase_id.clone());
    }
    let mut transaction = store.begin(Mode::Write).await.expect("a transaction");
    let mut rows = TimelineRows::default();
    rows.load(&keys, transaction.as_mut()).await.expect("rows");
    for record in batch {
        rows.mark();
        decide(&mut rows, record, READ_AT);
    }
    rows.write(transaction.as_mut()).await.expect("written");
    transaction.commit().await.expect("committed");
}

fn records(events: Vec<Event>) -> Vec<Observed> {
    (events.into_iter().zip(0..))
        .map(|(event, offset)| observed(event, offset))
        .collect()
}

#[tokio::test]
async fn what_is_written_in_batches_is_read_as_one_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let mut events = vec![
        Event::Purchase(purchase("p")),
        Event::Purchase(contradicting("p")),
    ];
    events.extend(smooth("p"));
    events.push(request("p", "late", 950_000));
    let records = records(events);
    for batch in records.chunks(3) {
        write(store.as_ref(), batch).await;
        write(store.as_ref(), batch).await;
    }
    let reader = Reader::new(store);
    let status = reader.status("p").await.unwrap().unwrap();
    assert_eq!(status.status, Status::Completed);
    assert_eq!(status.conflicts, 1);
    assert_eq!(status.cancellation, Some(CancellationOutcome::TooLate));
    let timeline = reader.timeline("p").await.unwrap();
    assert_eq!(timeline.len(), records.len());
    assert_eq!(timeline[0].kind, "Purchase");
    assert!(timeline.iter().any(|entry| entry.kind == CONFLICT));
    for (place, entry) in timeline.iter().enumerate() {
        assert!(entry.cause.is_none_or(|cause| cause < place));
        assert_eq!(entry.applied_at, READ_AT);
    }
    let explanation = reader.explain("p").await.unwrap().unwrap();
    assert_eq!(
        (explanation.status, explanation.entries),
        (status, timeline)
    );
}

#[tokio::test]
async fn an_unknown_purchase_has_no_status_and_no_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(store(&folder).await);
    assert_eq!(reader.status("nobody's").await.unwrap(), None);
    assert_eq!(reader.timeline("nobody's").await.unwrap(), []);
    assert_eq!(reader.explain("nobody's").await.unwrap(), None);
    assert_eq!(reader.statuses(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn statuses_come_in_bulk_and_recent_ones_latest_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let mut batch = vec![];
    for (id, after) in [("a", 2), ("b", 3), ("c", 1)] {
        let mut purchase = purchase(id);
        purchase.occurred_at += after;
        batch.push(observed(Event::Purchase(purchase), after));
    }
    batch.push(observed(facts("only-facts").swap_remove(0), 4));
    write(store.as_ref(), &batch).await;
    let reader = Reader::new(store);
    let ids = ["c", "nobody's", "a", "only-facts", "a"].map(str::to_owned);
    let statuses = reader.statuses(&ids).await.unwrap();
    let found: Vec<&str> = statuses.iter().map(|s| s.purchase_id.as_str()).collect();
    assert_eq!(found, ["a", "c", "only-facts"]);
    let recent = reader.recent(2).await.unwrap();
    let recent: Vec<&str> = recent.iter().map(|s| s.purchase_id.as_str()).collect();
    assert_eq!(recent, ["b", "a"]);
}
