//! What transactions see of each other.

use std::{sync::Arc, time::Duration};

use runtime::{
    rows::{Row, Rows},
    store::{Cells, Mode, Statement, Store, StoreError},
};
use tokio::sync::Barrier;

use super::{
    Database,
    sample::{Sample, SampleKeys, SampleRows, Stock, columns, count, count_committed, stock},
    snapshot, write,
};

pub(crate) async fn a_snapshot_sees_one_state(database: &Database) {
    let store = database.prepared().await;
    let upsert = Sample::TABLE.upsert();
    let mut reader = snapshot(&store).await;
    assert_eq!(count(&mut *reader, "samples").await, 0);
    let mut writer = write(&store).await;
    let rows = columns(&[Sample::full("a", 1)]);
    writer.execute(&upsert, rows).await.unwrap();
    writer.commit().await.unwrap();
    assert_eq!(count(&mut *reader, "samples").await, 0);
    reader.commit().await.unwrap();
    assert_eq!(count_committed(&*store, "samples").await, 1);
}

pub(crate) async fn a_snapshot_cannot_write(database: &Database) {
    let store = database.prepared().await;
    let mut reader = snapshot(&store).await;
    let rows = columns(&[stock("a", 1)]);
    let outcome = reader.execute(&Stock::TABLE.upsert(), rows.clone()).await;
    assert!(matches!(outcome, Err(StoreError::Fatal(_))), "{outcome:?}");
    drop(reader);
    // The next transaction, which may be on the same connection, can.
    let mut writer = write(&store).await;
    assert_eq!(writer.execute(&Stock::TABLE.upsert(), rows).await, Ok(1));
}

/// Advances a shard's position only under the epoch that the caller holds.
fn fenced() -> Statement {
    Statement::new(
        "UPDATE shards SET next = new.next \
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS new (shard, epoch, next) \
         WHERE shards.shard = new.shard AND shards.epoch = new.epoch",
        "UPDATE shards SET next = ?3 WHERE shard = ?1 AND epoch = ?2",
    )
}

pub(crate) async fn a_raised_epoch_fences_the_former_owner(database: &Database) {
    let (former, owner) = (database.prepared().await, database.connect());
    let take = "INSERT INTO shards VALUES (7, 1, 0) \
                ON CONFLICT (shard) DO UPDATE SET epoch = shards.epoch + 1";
    let take = Statement::new(take, take);
    let advance = |epoch, next| {
        vec![
            Cells::longs([7]),
            Cells::longs([epoch]),
            Cells::longs([next]),
        ]
    };
    for store in [&former, &owner] {
        let mut transaction = write(store).await;
        transaction.execute(&take, vec![]).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let mut transaction = write(&former).await;
    assert_eq!(transaction.execute(&fenced(), advance(1, 500)).await, Ok(0));
    drop(transaction);
    let mut transaction = write(&owner).await;
    assert_eq!(transaction.execute(&fenced(), advance(2, 100)).await, Ok(1));
    transaction.commit().await.unwrap();
}

pub(crate) async fn a_writer_waits_for_the_writer_before_it(database: &Database) {
    let (store, other) = (database.prepared().await, database.connect());
    let mut first = write(&store).await;
    let rows = columns(&[stock("a", 1)]);
    first.execute(&Stock::TABLE.upsert(), rows).await.unwrap();

    let second = tokio::spawn(async move {
        let mut second = write(&other).await;
        let rows = columns(&[stock("a", 2)]);
        second.execute(&Stock::TABLE.upsert(), rows).await.unwrap();
        second.commit().await.unwrap();
    });
    // Long enough to be in the queue, whatever the machine; the outcome does not depend on it.
    tokio::task::yield_now().await;
    assert_eq!(count_committed(&*store, "stock").await, 0);
    first.commit().await.unwrap();
    second.await.unwrap();
    assert_eq!(on_hand(&store, "a").await, Some(2));
}

pub(crate) async fn no_unit_is_lost_between_processes(database: &Database) {
    let store = database.prepared().await;
    let mut transaction = write(&store).await;
    let rows = columns(&[stock("a", 60)]);
    transaction
        .execute(&Stock::TABLE.upsert(), rows)
        .await
        .unwrap();
    transaction.commit().await.unwrap();

    let mut processes = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = database.connect();
        processes.spawn(async move {
            for _ in 0..20 {
                add(&store, &["a"], -1).await.unwrap();
            }
        });
    }
    processes.join_all().await;
    assert_eq!(on_hand(&store, "a").await, Some(0));
    let below = add(&store, &["a"], -1).await;
    assert!(matches!(below, Err(StoreError::Refused(_))), "{below:?}");
}

pub(crate) async fn a_shared_row_that_another_added_is_not_overwritten(database: &Database) {
    let (one, other) = (database.prepared().await, database.connect());
    let mut added = 0;
    let both = Arc::new(Barrier::new(2));
    let tasks = [one.clone(), other].map(|store| {
        let both = Arc::clone(&both);
        tokio::spawn(async move {
            both.wait().await;
            loop {
                match add(&store, &["new"], 5).await {
                    Err(StoreError::Transient(_)) => {}
                    done => return done.unwrap(),
                }
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
        added += 5;
    }
    assert_eq!(on_hand(&one, "new").await, Some(added));
}

pub(crate) async fn opposing_orders_do_not_deadlock(database: &Database) {
    let store = database.prepared().await;
    let skus = ["m", "a", "z", "k"];
    add(&store, &skus, 0).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let store = database.connect();
        tasks.spawn(async move {
            let mut named = skus;
            named.rotate_left(task);
            for _ in 0..10 {
                add(&store, &named, 1).await.unwrap();
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), tasks.join_all());
    all.await.expect("nobody waits for ever");
    for sku in skus {
        assert_eq!(on_hand(&store, sku).await, Some(40));
    }
}

/// Adds units to each SKU, as a group does: load, change, write, commit.
async fn add(store: &Arc<dyn Store>, skus: &[&str], units: i64) -> Result<(), StoreError> {
    let mut keys = SampleKeys::default();
    keys.stock.extend(skus.iter().map(|sku| (*sku).to_owned()));
    let mut transaction = store.begin(Mode::Write).await?;
    let mut rows = SampleRows::default();
    rows.load(&keys, &mut *transaction).await?;
    for sku in skus {
        let held = rows.stock.get(&((*sku).to_owned(),));
        let on_hand = held.map_or(0, |row| row.on_hand) + units;
        rows.stock.put(stock(sku, on_hand));
    }
    rows.write(&mut *transaction).await?;
    transaction.commit().await
}

async fn on_hand(store: &Arc<dyn Store>, sku: &str) -> Option<i64> {
    let mut transaction = store.begin(Mode::Write).await.unwrap();
    let mut keys = SampleKeys::default();
    keys.stock.insert(sku.to_owned());
    let mut rows = SampleRows::default();
    rows.load(&keys, &mut *transaction).await.unwrap();
    rows.stock.get(&(sku.to_owned(),)).map(|row| row.on_hand)
}
