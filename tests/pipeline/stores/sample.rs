//! Tables with every kind of column, and with every sort of constraint that groups use.

use runtime::store::{Cells, Kind, Migration, Statement, Store, Transaction};

runtime::table! {
    /// A row of every kind, with and without nulls.
    pub struct Sample in "samples" {
        key {
            /// Text, the leading column.
            id: String,
            /// A second key column.
            part: i64,
        }
        /// An integer that is always there.
        amount_minor: i64,
        /// A smaller integer.
        attempts: i32,
        /// A truth value that is always there.
        final_: bool,
        /// Nullable text.
        note: Option<String>,
        /// Nullable integer.
        due_at: Option<i64>,
        /// Nullable bytes.
        payload: Option<Vec<u8>>,
        /// Nullable truth value.
        gift: Option<bool>,
    }
}

runtime::table! {
    /// Stock of a SKU: shared between shards, never below zero.
    pub struct Stock in shared "stock" {
        key {
            /// The SKU.
            sku: String,
        }
        /// Units.
        on_hand: i64,
    }
}

runtime::table! {
    /// A line of a history that is only appended to.
    pub struct Movement in "movements" {
        key {
            /// Its deterministic id.
            movement_id: String,
        }
        /// The SKU that moved.
        sku: String,
        /// By how many units.
        units: i64,
    }
}

runtime::row_sets! {
    /// Everything that the sample group keeps.
    pub struct SampleRows, keys SampleKeys {
        load samples: Sample,
        load stock: Stock,
        append movements: Movement,
    }
}

pub(crate) const MIGRATIONS: [Migration; 2] = [
    Migration {
        number: 1,
        name: "samples",
        postgres:
            "CREATE TABLE samples (
            id text NOT NULL, part bigint NOT NULL, amount_minor bigint NOT NULL,
            attempts bigint NOT NULL, final_ boolean NOT NULL, note text, due_at bigint,
            payload bytea, gift boolean, PRIMARY KEY (id, part)
        );
        CREATE TABLE shards (shard bigint PRIMARY KEY, epoch bigint NOT NULL, next bigint NOT NULL)",
        sqlite: "CREATE TABLE samples (
            id TEXT NOT NULL, part INTEGER NOT NULL, amount_minor INTEGER NOT NULL,
            attempts INTEGER NOT NULL, final_ INTEGER NOT NULL, note TEXT, due_at INTEGER,
            payload BLOB, gift INTEGER, PRIMARY KEY (id, part)
        ) STRICT;
        CREATE TABLE shards (
            shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, next INTEGER NOT NULL
        ) STRICT",
    },
    Migration {
        number: 2,
        name: "stock and its movements",
        postgres: "CREATE TABLE stock (
            sku text PRIMARY KEY, on_hand bigint NOT NULL CHECK (on_hand >= 0)
        );
        CREATE TABLE movements (
            movement_id text PRIMARY KEY, units bigint NOT NULL,
            sku text NOT NULL REFERENCES stock DEFERRABLE INITIALLY DEFERRED
        )",
        sqlite: "CREATE TABLE stock (
            sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL CHECK (on_hand >= 0)
        ) STRICT;
        CREATE TABLE movements (
            movement_id TEXT PRIMARY KEY, units INTEGER NOT NULL,
            sku TEXT NOT NULL REFERENCES stock DEFERRABLE INITIALLY DEFERRED
        ) STRICT",
    },
];

impl Sample {
    /// A row without nulls.
    pub(crate) fn full(id: &str, part: i64) -> Self {
        Self {
            id: id.to_owned(),
            part,
            amount_minor: 32_349,
            attempts: 3,
            final_: true,
            note: Some("Please put a ribbon on my package — für Åsa".to_owned()),
            due_at: Some(1_700_000_000_000_000),
            payload: Some(vec![0, 0xC3, 0x01, 0xFF]),
            gift: Some(false),
        }
    }

    /// A row with a null wherever there may be one.
    pub(crate) fn bare(id: &str, part: i64) -> Self {
        Self {
            note: None,
            due_at: None,
            payload: None,
            gift: None,
            final_: false,
            ..Self::full(id, part)
        }
    }
}

/// A row type's values as parameter columns.
pub(crate) fn columns<R: runtime::rows::Row>(rows: &[R]) -> Vec<Cells> {
    let mut columns = R::TABLE.empty_columns();
    for row in rows {
        row.push(&mut columns);
    }
    columns
}

pub(crate) fn stock(sku: &str, on_hand: i64) -> Stock {
    Stock {
        sku: sku.to_owned(),
        on_hand,
    }
}

/// Counts rows of a table in a transaction.
pub(crate) async fn count(transaction: &mut dyn Transaction, table: &str) -> i64 {
    let text = format!("SELECT count(*) FROM {table}");
    let statement = Statement::new(text.clone(), text);
    let counted = transaction.query(&statement, vec![], &[Kind::Long]).await;
    match counted.unwrap().pop() {
        Some(Cells::Long(values)) => values[0].unwrap(),
        other => panic!("counted {other:?}"),
    }
}

/// Counts rows of a table as they are committed now.
pub(crate) async fn count_committed(store: &dyn Store, table: &str) -> i64 {
    let mut snapshot = store.begin(runtime::store::Mode::Snapshot).await.unwrap();
    count(&mut *snapshot, table).await
}
