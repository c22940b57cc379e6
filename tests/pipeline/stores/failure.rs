//! What remains when something goes wrong: nothing of the transaction, all of the store.

use std::{sync::Arc, time::Duration};

use runtime::{
    rows::Row,
    store::{Cells, Mode, Statement, Store, StoreError, Transaction},
};

use super::{
    Database,
    sample::{Movement, Sample, Stock, columns, count, count_committed, stock},
    write,
};

pub(crate) async fn a_dropped_transaction_leaves_nothing(database: &Database) {
    let store = database.prepared().await;
    let upsert = Sample::TABLE.upsert();
    for _ in 0..20 {
        let mut transaction = write(&store).await;
        let rows = columns(&[Sample::full("a", 1)]);
        transaction.execute(&upsert, rows).await.unwrap();
        drop(transaction);
        assert_eq!(count_committed(&*store, "samples").await, 0);
    }
    let mut transaction = write(&store).await;
    let rows = columns(&[Sample::full("a", 1)]);
    transaction.execute(&upsert, rows).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(count_committed(&*store, "samples").await, 1);
}

pub(crate) async fn a_refused_row_leaves_nothing_of_its_transaction(database: &Database) {
    let store = database.prepared().await;
    let upsert = Stock::TABLE.upsert();
    let mut transaction = write(&store).await;
    let good = columns(&[stock("a", 1), stock("b", 2)]);
    transaction.execute(&upsert, good).await.unwrap();
    let one_bad = columns(&[stock("c", 3), stock("d", -1), stock("e", 5)]);
    let refused = transaction.execute(&upsert, one_bad).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
    assert!(
        refused.to_string().to_lowercase().contains("check"),
        "{refused}"
    );
    // Neither another statement nor a commit makes anything of it.
    let late = columns(&[stock("f", 1)]);
    assert_eq!(
        transaction.execute(&upsert, late).await,
        Err(refused.clone())
    );
    assert_eq!(transaction.commit().await, Err(refused));
    assert_eq!(count_committed(&*store, "stock").await, 0);

    let mut transaction = write(&store).await;
    let without = columns(&[stock("c", 3), stock("e", 5)]);
    assert_eq!(transaction.execute(&upsert, without).await, Ok(2));
    transaction.commit().await.unwrap();
    assert_eq!(count_committed(&*store, "stock").await, 2);
}

pub(crate) async fn a_statement_that_was_not_waited_for_is_refused_by_the_next(
    database: &Database,
) {
    let store = database.prepared().await;
    let upsert = Stock::TABLE.upsert();
    for waits in [true, false] {
        let mut transaction = write(&store).await;
        let mut outcome = Ok(());
        for (sku, on_hand) in [("a", 1), ("b", -1), ("c", 3)] {
            let rows = columns(&[stock(sku, on_hand)]);
            outcome = outcome.and(transaction.enqueue(&upsert, rows).await);
        }
        if waits {
            let more = columns(&[stock("d", 4)]);
            outcome = outcome.and(transaction.execute(&upsert, more).await.map(drop));
            let refused = outcome.clone().unwrap_err();
            assert!(
                refused.to_string().to_lowercase().contains("check"),
                "the first error, not one that follows from it: {refused}"
            );
        }
        outcome = outcome.and(transaction.commit().await);
        assert!(
            matches!(outcome, Err(StoreError::Refused(_))),
            "{outcome:?}"
        );
        assert_eq!(count_committed(&*store, "stock").await, 0);
    }
}

pub(crate) async fn statements_that_were_not_waited_for_take_effect_in_order(database: &Database) {
    let store = database.prepared().await;
    let upsert = Stock::TABLE.upsert();
    let mut transaction = write(&store).await;
    for on_hand in 0..200 {
        let rows = columns(&[stock("a", on_hand)]);
        transaction.enqueue(&upsert, rows).await.unwrap();
    }
    let before = transaction.statements();
    assert_eq!(count(&mut *transaction, "stock").await, 1);
    assert_eq!(transaction.statements(), before + 1);
    transaction.commit().await.unwrap();
    let mut transaction = write(&store).await;
    let kinds = Stock::TABLE.kinds();
    let found = transaction
        .query(&Stock::TABLE.select(), vec![Cells::texts(["a"])], &kinds)
        .await;
    assert_eq!(found.unwrap(), columns(&[stock("a", 199)]));
}

pub(crate) async fn a_deferred_constraint_refuses_the_commit(database: &Database) {
    let store = database.prepared().await;
    let mut transaction = write(&store).await;
    let orphan = Movement {
        movement_id: "m".to_owned(),
        sku: "no such stock".to_owned(),
        units: 1,
    };
    let insert = Movement::TABLE.insert_new();
    transaction
        .execute(&insert, columns(&[orphan]))
        .await
        .unwrap();
    let outcome = transaction.commit().await;
    assert!(
        matches!(outcome, Err(StoreError::Refused(_))),
        "{outcome:?}"
    );
    assert_eq!(count_committed(&*store, "movements").await, 0);
}

pub(crate) async fn a_text_with_a_zero_byte_is_refused(database: &Database) {
    let store = database.prepared().await;
    let mut transaction = write(&store).await;
    let zero = columns(&[stock("a\0b", 1)]);
    let outcome = transaction.execute(&Stock::TABLE.upsert(), zero).await;
    assert!(
        matches!(outcome, Err(StoreError::Refused(_))),
        "{outcome:?}"
    );
}

pub(crate) async fn a_missing_table_is_fatal(database: &Database) {
    let store = database.connect();
    let mut transaction = write(&store).await;
    let rows = columns(&[stock("a", 1)]);
    let outcome = transaction.execute(&Stock::TABLE.upsert(), rows).await;
    assert!(matches!(outcome, Err(StoreError::Fatal(_))), "{outcome:?}");
}

pub(crate) async fn a_cancelled_call_ends_its_transaction(database: &Database) {
    let store = database.prepared().await;
    let upsert = Sample::TABLE.upsert();
    let rows: Vec<Sample> = (0..5000).map(|part| Sample::full("a", part)).collect();
    let mut transaction = cancelled(&store, &upsert, &rows).await;
    let count = Statement::new("SELECT 1", "SELECT 1");
    let next = transaction.execute(&count, vec![]).await;
    assert!(matches!(next, Err(StoreError::Transient(_))), "{next:?}");
    let commit = transaction.commit().await;
    assert!(
        matches!(commit, Err(StoreError::Transient(_))),
        "{commit:?}"
    );

    let mut transaction = write(&store).await;
    let one = columns(&rows[..1]);
    transaction.execute(&upsert, one).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(count_committed(&*store, "samples").await, 1);
}

/// A transaction of which a call was cancelled while it was under way. The database works beside this
/// thread, and on a busy machine a call may be over before it is looked at for the first time: then
/// nothing was cancelled, and another is begun.
async fn cancelled(
    store: &Arc<dyn Store>,
    upsert: &Statement,
    rows: &[Sample],
) -> Box<dyn Transaction> {
    for _ in 0..1_000 {
        let mut transaction = write(store).await;
        let polled_once = tokio::select! {
            biased;
            outcome = transaction.execute(upsert, columns(rows)) => Some(outcome),
            () = std::future::ready(()) => None,
        };
        match polled_once {
            None => return transaction,
            Some(outcome) => assert!(outcome.is_ok(), "{outcome:?}"),
        }
    }
    panic!("every call was over before it could be cancelled");
}

pub(crate) async fn transactions_beyond_the_connections_take_turns(database: &Database) {
    let store = database.prepared().await;
    let mut tasks = tokio::task::JoinSet::new();
    for part in 0..40 {
        let store = store.clone();
        tasks.spawn(async move {
            let mode = if part % 2 == 0 {
                Mode::Write
            } else {
                Mode::Snapshot
            };
            let mut transaction = store.begin(mode).await.unwrap();
            if mode == Mode::Write {
                let upsert = Sample::TABLE.upsert();
                let rows = columns(&[Sample::full("a", part)]);
                transaction.execute(&upsert, rows).await.unwrap();
            } else {
                let select = Sample::TABLE.select();
                let ids = vec![Cells::texts(["a"])];
                let kinds = Sample::TABLE.kinds();
                transaction.query(&select, ids, &kinds).await.unwrap();
            }
            transaction.commit().await.unwrap();
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), tasks.join_all());
    all.await.expect("40 transactions end");
    assert_eq!(count_committed(&*store, "samples").await, 20);
}
