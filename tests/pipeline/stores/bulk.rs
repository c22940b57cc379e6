//! Columns in, columns out.

use std::collections::BTreeSet;

use runtime::{
    rows::{Row, Rows, Scan},
    store::{Cells, Kind, Statement, StoreError, Transaction},
};

use super::{
    Database,
    sample::{Movement, Sample, SampleKeys, SampleRows, columns, count, count_committed, stock},
    snapshot, write,
};

async fn load(transaction: &mut dyn Transaction, ids: &[&str]) -> Vec<Sample> {
    let select = Sample::TABLE.select();
    let ids = vec![Cells::texts(ids.iter().copied())];
    let mut columns = transaction
        .query(&select, ids, &Sample::TABLE.kinds())
        .await
        .unwrap();
    let rows = columns[0].len();
    (0..rows)
        .map(|row| Sample::take(&mut columns, row).unwrap())
        .collect()
}

pub(crate) async fn every_kind_comes_back_as_it_was_written(database: &Database) {
    let store = database.prepared().await;
    let extreme = Sample {
        amount_minor: i64::MIN,
        attempts: i32::MAX,
        note: Some(String::new()),
        due_at: Some(i64::MAX),
        payload: Some(vec![]),
        gift: Some(true),
        ..Sample::full("c", 0)
    };
    let rows = [
        Sample::full("a", 1),
        Sample::bare("a", 2),
        Sample::bare("b", 1),
        extreme,
    ];
    let mut transaction = write(&store).await;
    let upsert = Sample::TABLE.upsert();
    let written = transaction.execute(&upsert, columns(&rows)).await;
    assert_eq!(written, Ok(4));
    assert_eq!(load(&mut *transaction, &["a", "b", "c"]).await, rows);
    transaction.commit().await.unwrap();

    let mut transaction = snapshot(&database.connect()).await;
    assert_eq!(load(&mut *transaction, &["a", "b", "c"]).await, rows);
    assert_eq!(load(&mut *transaction, &["a", "none"]).await, rows[..2]);
}

pub(crate) async fn an_upsert_replaces_and_an_insert_of_new_rows_leaves_the_old(
    database: &Database,
) {
    let store = database.prepared().await;
    let mut transaction = write(&store).await;
    let (upsert, insert_new) = (Sample::TABLE.upsert(), Sample::TABLE.insert_new());
    let first = [Sample::full("a", 1)];
    assert_eq!(transaction.execute(&upsert, columns(&first)).await, Ok(1));
    let replaced = [Sample::bare("a", 1), Sample::full("b", 1)];
    assert_eq!(
        transaction.execute(&upsert, columns(&replaced)).await,
        Ok(2)
    );
    let late = [Sample::full("a", 1), Sample::bare("c", 1)];
    assert_eq!(
        transaction.execute(&insert_new, columns(&late)).await,
        Ok(1)
    );
    let expected = [
        Sample::bare("a", 1),
        Sample::full("b", 1),
        Sample::bare("c", 1),
    ];
    assert_eq!(load(&mut *transaction, &["a", "b", "c"]).await, expected);
}

pub(crate) async fn deleted_rows_are_gone_and_no_others(database: &Database) {
    let store = database.prepared().await;
    let mut transaction = write(&store).await;
    let rows = [
        Sample::full("a", 1),
        Sample::full("a", 2),
        Sample::full("b", 1),
    ];
    let upsert = Sample::TABLE.upsert();
    transaction.execute(&upsert, columns(&rows)).await.unwrap();
    let keys = vec![Cells::texts(["a", "b", "z"]), Cells::longs([2, 1, 1])];
    let deleted = transaction.execute(&Sample::TABLE.delete(), keys).await;
    assert_eq!(deleted, Ok(2));
    assert_eq!(load(&mut *transaction, &["a", "b"]).await, rows[..1]);
}

pub(crate) async fn a_thousand_rows_cost_as_many_round_trips_as_one(database: &Database) {
    let store = database.prepared().await;
    let mut counts = BTreeSet::new();
    for rows in [1, 1000] {
        let rows: Vec<Sample> = (0..rows).map(|part| Sample::full("a", part)).collect();
        let mut transaction = write(&store).await;
        assert_eq!(transaction.statements(), 2);
        let upsert = Sample::TABLE.upsert();
        let written = transaction.execute(&upsert, columns(&rows)).await;
        assert_eq!(written, Ok(rows.len() as u64));
        counts.insert(transaction.statements());
        transaction.commit().await.unwrap();
    }
    assert_eq!(counts, BTreeSet::from([3]));
    assert_eq!(count_committed(&*store, "samples").await, 1000);
}

pub(crate) async fn columns_without_rows_cost_nothing(database: &Database) {
    let store = database.prepared().await;
    let mut transaction = write(&store).await;
    let nothing = columns::<Sample>(&[]);
    let written = transaction.execute(&Sample::TABLE.upsert(), nothing).await;
    assert_eq!(written, Ok(0));
    assert_eq!(load(&mut *transaction, &[]).await, []);
    assert_eq!(transaction.statements(), 2);
}

pub(crate) async fn columns_that_do_not_fit_are_fatal(database: &Database) {
    let store = database.prepared().await;
    let text = "SELECT CAST(1 AS bigint)";
    let one = Statement::new(text, text);
    for kinds in [&[Kind::Text][..], &[Kind::Long, Kind::Long], &[]] {
        let mut transaction = snapshot(&store).await;
        let outcome = transaction.query(&one, vec![], kinds).await;
        assert!(matches!(outcome, Err(StoreError::Fatal(_))), "{outcome:?}");
    }
    let uneven = vec![Cells::texts(["a"]), Cells::longs([1, 2])];
    let mut transaction = write(&store).await;
    let outcome = transaction.execute(&Sample::TABLE.delete(), uneven).await;
    assert!(matches!(outcome, Err(StoreError::Fatal(_))), "{outcome:?}");
}

pub(crate) async fn rows_come_back_through_their_row_set(database: &Database) {
    let store = database.prepared().await;
    let mut keys = SampleKeys::default();
    keys.samples.extend(["a".to_owned(), "b".to_owned()]);
    keys.stock.insert("sku".to_owned());
    for round in 0..3 {
        let mut transaction = write(&store).await;
        let mut rows = SampleRows::default();
        rows.load(&keys, &mut *transaction).await.unwrap();
        assert_eq!(transaction.statements(), 4);
        let known: Vec<i64> = rows.samples.iter().map(|row| row.part).collect();
        assert_eq!(known, [vec![], vec![0], vec![1]][round as usize]);
        rows.samples.remove(&("a".to_owned(), round - 1));
        rows.samples.put(Sample::full("a", round));
        rows.stock.put(stock("sku", 10 - round));
        for _twice in 0..2 {
            rows.movements.push(Movement {
                movement_id: "the same".to_owned(),
                sku: "sku".to_owned(),
                units: 1,
            });
        }
        rows.write(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let mut transaction = snapshot(&store).await;
    assert_eq!(
        load(&mut *transaction, &["a"]).await,
        [Sample::full("a", 2)]
    );
    assert_eq!(count(&mut *transaction, "movements").await, 1);
}

pub(crate) async fn a_table_is_read_page_by_page_in_key_order(database: &Database) {
    let store = database.prepared().await;
    let rows: Vec<Sample> = (0..25)
        .map(|n| Sample::bare(&format!("id-{}", n / 10), n % 10))
        .collect();
    let mut transaction = write(&store).await;
    let upsert = Sample::TABLE.upsert();
    transaction.execute(&upsert, columns(&rows)).await.unwrap();
    transaction.commit().await.unwrap();

    for page_rows in [1, 7, 25, 100] {
        let mut transaction = snapshot(&store).await;
        let mut scan = Scan::<Sample>::new(page_rows);
        let mut read = Vec::new();
        while let Some(page) = scan.next_page(&mut *transaction).await.unwrap() {
            assert!(page.len() <= page_rows as usize);
            if read.is_empty() {
                // Written by another while the table is being read.
                let mut other = write(&store).await;
                let late = [Sample::bare("id-9", i64::from(page_rows))];
                other.execute(&upsert, columns(&late)).await.unwrap();
            }
            read.extend(page);
        }
        assert_eq!(read, rows, "{page_rows} rows per page");
        assert_eq!(scan.next_page(&mut *transaction).await, Ok(None));
    }
}
