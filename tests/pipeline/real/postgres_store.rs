//! The store suite on PostgreSQL, and what only a server can do to its clients.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use harness::postgres::{self, Postgres};
use runtime::{
    rows::Row,
    store::{Limits, Mode, PostgresStore, Store, StoreError},
};

use crate::stores::{
    Database,
    sample::{MIGRATIONS, Stock, columns, count, count_committed, stock},
    suite, write,
};

suite!(Database::postgres);

/// Limits that a test can wait for.
fn short() -> Limits {
    Limits {
        connections: 4,
        connect: Duration::from_secs(1),
        lock: Duration::from_millis(300),
        statement: Duration::from_millis(1500),
        answer: Duration::from_secs(2),
        ..Limits::default()
    }
}

async fn prepared(url: &str, limits: Limits) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(url, "sample", limits).unwrap());
    store.migrate("sample", &MIGRATIONS).await.unwrap();
    store
}

fn is_transient<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Transient(_)))
}

async fn put(store: &Arc<dyn Store>, sku: &str) -> Result<(), StoreError> {
    let mut transaction = store.begin(Mode::Write).await?;
    let rows = columns(&[stock(sku, 1)]);
    transaction.execute(&Stock::TABLE.upsert(), rows).await?;
    transaction.commit().await
}

/// Serialisation failures, deadlocks, lock time-outs, ended connections and refused ones are tried again
/// whole.
#[tokio::test]
async fn c4_a_killed_connection_is_transient_and_the_next_one_works() {
    let url = postgres::shared().fresh_database();
    let name = url.rsplit('/').next().unwrap();
    let store = prepared(&url, short()).await;
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = '{name}' AND application_name = 'counterflow sample'"
    );
    let mut transaction = write(&store).await;
    let rows = columns(&[stock("a", 1)]);
    let upsert = Stock::TABLE.upsert();
    transaction.execute(&upsert, rows.clone()).await.unwrap();
    postgres::shared().sql("postgres", &kill).unwrap();
    let outcome = transaction.execute(&upsert, rows).await;
    assert!(is_transient(&outcome), "{outcome:?}");
    let outcome = transaction.commit().await;
    assert!(is_transient(&outcome), "{outcome:?}");
    assert_eq!(count_committed(&*store, "stock").await, 0);
    put(&store, "a").await.unwrap();
    assert_eq!(count_committed(&*store, "stock").await, 1);
}

/// Serialisation failures, deadlocks, lock time-outs, ended connections and refused ones are tried again
/// whole.
#[tokio::test]
async fn c4_a_lock_that_is_held_too_long_is_transient() {
    let url = postgres::shared().fresh_database();
    let store = prepared(&url, short()).await;
    put(&store, "a").await.unwrap();
    let mut holder = write(&store).await;
    let rows = columns(&[stock("a", 2)]);
    holder.execute(&Stock::TABLE.upsert(), rows).await.unwrap();
    let outcome = put(&store, "a").await;
    assert!(is_transient(&outcome), "{outcome:?}");
    holder.commit().await.unwrap();
    put(&store, "a").await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_given_up_releases_its_locks_at_once() {
    let url = postgres::shared().fresh_database();
    let store = prepared(&url, Limits::default()).await;
    put(&store, "a").await.unwrap();
    put(&store, "b").await.unwrap();
    let mut holder = write(&store).await;
    let upsert = Stock::TABLE.upsert();
    let rows = |sku| columns(&[stock(sku, 2)]);
    holder.execute(&upsert, rows("a")).await.unwrap();
    // The other has locked b, waits for a and is given up in the middle of that.
    let mut other = write(&store).await;
    other.execute(&upsert, rows("b")).await.unwrap();
    let wait = other.execute(&upsert, rows("a"));
    let waited = tokio::time::timeout(Duration::from_millis(200), wait).await;
    assert!(waited.is_err(), "{waited:?}");
    drop(other);
    // Sooner than its lock_timeout.
    let freed = tokio::time::timeout(
        Limits::default().lock / 2,
        holder.execute(&upsert, rows("b")),
    );
    assert_eq!(freed.await.expect("b is free"), Ok(1));
}

/// A database that hangs is given up in time and waited for.
#[tokio::test]
async fn c2_a_server_that_hangs_is_transient_in_time_and_works_when_it_goes_on() {
    let mut server = Postgres::builder().without_fsync().start().unwrap();
    let store = prepared(&server.fresh_database(), short()).await;
    let mut open = write(&store).await;
    put(&store, "a").await.unwrap();
    server.stop();
    let started = Instant::now();
    let rows = columns(&[stock("b", 1)]);
    let outcome = open.execute(&Stock::TABLE.upsert(), rows).await;
    assert!(is_transient(&outcome), "{outcome:?}");
    drop(open);
    let outcome = put(&store, "a").await;
    assert!(is_transient(&outcome), "{outcome:?}");
    let limits = short();
    assert!(started.elapsed() < 2 * (limits.answer + limits.connect));
    server.cont();
    put(&store, "a").await.unwrap();
    assert_eq!(count_committed(&*store, "stock").await, 1);
}

#[tokio::test]
async fn a_server_that_restarts_is_transient_and_then_works() {
    let mut server = Postgres::builder().without_fsync().start().unwrap();
    let store = prepared(&server.fresh_database(), short()).await;
    put(&store, "a").await.unwrap();
    let mut open = write(&store).await;
    assert_eq!(count(&mut *open, "stock").await, 1);
    server.kill();
    let outcome = open.commit().await;
    assert!(is_transient(&outcome), "{outcome:?}");
    let outcome = put(&store, "b").await;
    assert!(is_transient(&outcome), "{outcome:?}");
    server.restart().unwrap();
    put(&store, "b").await.unwrap();
    assert_eq!(count_committed(&*store, "stock").await, 2);
}

/// A migration while members run stops nobody.
#[tokio::test]
async fn c9_a_plan_that_a_migration_outdated_is_retried() {
    let url = postgres::shared().fresh_database();
    let name = url.rsplit('/').next().unwrap();
    let store = prepared(&url, short()).await;
    let all = runtime::store::Statement::new("SELECT * FROM sample.stock", "");
    let kinds = [runtime::store::Kind::Text, runtime::store::Kind::Long];
    let mut transaction = write(&store).await;
    transaction.query(&all, vec![], &kinds).await.unwrap();
    transaction.commit().await.unwrap();
    let alter = "ALTER TABLE sample.stock ALTER on_hand TYPE integer";
    postgres::shared().sql(name, alter).unwrap();
    let mut transaction = write(&store).await;
    let outcome = transaction.query(&all, vec![], &kinds).await;
    assert!(is_transient(&outcome), "{outcome:?}");
    drop(transaction);
    let mut transaction = write(&store).await;
    transaction.query(&all, vec![], &kinds).await.unwrap();
}

#[tokio::test]
async fn a_wrong_database_or_role_is_fatal() {
    let server = postgres::shared();
    for url in [
        server.url("no_such_database"),
        server
            .url("postgres")
            .replace("counterflow@", "nobody_here@"),
    ] {
        let store = PostgresStore::open(&url, "sample", short()).unwrap();
        let outcome = store.begin(Mode::Write).await.map(|_| ());
        assert!(matches!(outcome, Err(StoreError::Fatal(_))), "{outcome:?}");
    }
}
