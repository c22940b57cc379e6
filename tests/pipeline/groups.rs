//! What the groups keep in a database: the rows that their pure core makes in memory, and nothing
//! that contradicts itself. One suite, run on SQLite from `in_process` and on Postgres from `real`.

pub(crate) mod orphans;
pub(crate) mod same_rows;
pub(crate) mod stories;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use codec::Codec;
use runtime::{
    Effects, Group, Record, Timestamp,
    in_memory::{InMemory, stored_timer},
    rows::{Row, Rows, Scan},
    store::{Mode, Store},
};

/// When everything is read.
const READ_AT: Timestamp = stories::MADE_AT + 3_600_000_000;

/// The codec that writes and reads the records of a story.
pub(crate) fn codec() -> Arc<Codec> {
    Arc::new(Codec::without_registry())
}

/// A database with the tables of a group.
pub(crate) async fn prepared<G: Group>(url: &str, group: &G) -> Arc<dyn Store> {
    let store = runtime::store::open(url, G::NAME).unwrap();
    let migrations = group.migrations();
    let applied = store.migrate(G::NAME, migrations).await;
    assert_eq!(applied, Ok(migrations.len()));
    store
}

/// One batch as a lane writes it: named, loaded, decided on, written, committed.
pub(crate) async fn write<G: Group>(group: &G, store: &dyn Store, batch: &[G::Event]) {
    let mut transaction = store.begin(Mode::Write).await.unwrap();
    let mut rows = G::Rows::default();
    let mut keys = <G::Rows as Rows>::Keys::default();
    for event in batch {
        group.touches(event, &mut keys);
    }
    rows.load(&keys, transaction.as_mut()).await.unwrap();
    let mut more = <G::Rows as Rows>::Keys::default();
    for event in batch {
        group.touches_after(&rows, event, &mut more);
    }
    rows.load(&more, transaction.as_mut()).await.unwrap();
    for event in batch {
        rows.mark();
        if (group.decide(&mut rows, event, READ_AT, &mut Effects::default())).is_err() {
            rows.undo();
        }
    }
    rows.write(transaction.as_mut()).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Gives a group the records, every batch twice, and then the timers that it has set: in a database,
/// and one by one in memory.
pub(crate) async fn run<G: Group + Clone>(
    url: &str,
    group: G,
    records: &[Record],
) -> (Arc<dyn Store>, InMemory<G>) {
    let store = prepared(url, &group).await;
    let mut memory = InMemory::new(group.clone());
    let events: Vec<G::Event> = (records.iter())
        .map(|record| group.decode(record).unwrap())
        .collect();
    let mut due = BTreeMap::new();
    for event in &events {
        let (_, effects) = memory.apply(event, READ_AT);
        for timer_id in effects.cancelled_timers {
            due.remove(&timer_id);
        }
        let timers = effects.timers.into_iter();
        due.extend(timers.map(|timer| (timer.timer_id.clone(), timer)));
    }
    let due: Vec<G::Event> = (due.values())
        .map(|timer| group.due(&stored_timer(timer)).unwrap())
        .collect();
    for event in &due {
        assert!(memory.apply(event, READ_AT).0.is_ok());
    }
    for batch in events.chunks(7).chain(due.chunks(7)) {
        write(&group, store.as_ref(), batch).await;
        write(&group, store.as_ref(), batch).await;
    }
    (store, memory)
}

/// All rows of a table, by key.
pub(crate) async fn stored<R: Row>(store: &dyn Store) -> BTreeMap<R::Key, R> {
    let mut snapshot = store.begin(Mode::Snapshot).await.unwrap();
    let mut scan = Scan::<R>::new(50);
    let mut rows = BTreeMap::new();
    while let Some(page) = scan.next_page(snapshot.as_mut()).await.unwrap() {
        rows.extend(page.into_iter().map(|row| (row.key(), row)));
    }
    rows
}

/// Whether a table holds the rows that there are in memory; at least one.
pub(crate) async fn assert_stored<'r, R>(store: &dyn Store, rows: impl Iterator<Item = &'r R>)
where
    R: Row<Key: Debug> + Debug,
{
    let expected: BTreeMap<R::Key, R> = rows.map(|row| (row.key(), row.clone())).collect();
    assert!(!expected.is_empty(), "no row of {}", R::TABLE.name);
    assert_eq!(stored::<R>(store).await, expected, "{}", R::TABLE.name);
}

/// Makes a test of every scenario, on a new database whose address `$url` gives.
macro_rules! suite {
    ($url:path) => {
        $crate::groups::suite! { $url;
            same_rows::payment_keeps_what_it_decided
            same_rows::inventory_keeps_what_it_decided
            same_rows::dispatch_keeps_what_it_decided
            same_rows::analytics_keeps_what_it_counted
            same_rows::the_timeline_keeps_what_it_saw
            orphans::an_entry_without_a_purchase_is_refused
            orphans::a_line_without_a_reservation_is_refused
            orphans::a_movement_without_stock_is_refused
        }
    };
    ($url:path; $($module:ident::$scenario:ident)*) => {
        $(
            #[tokio::test]
            async fn $scenario() {
                let database = $url();
                $crate::groups::$module::$scenario(database.url()).await;
            }
        )*
    };
}
pub(crate) use suite;
