//! The group's database: Postgres for deployments, SQLite for one machine, behind one trait.
//!
//! A statement is given columns of values and costs one round trip however many rows they have:
//! Postgres unfolds them with `UNNEST`, SQLite runs a prepared statement row by row inside its own
//! thread. Nothing above this module knows which database it talks to.

mod cells;
mod migrate;
mod open;
mod postgres;
mod sqlite;
mod table;

use std::{future::Future, pin::Pin, sync::Arc};

pub use cells::{Cell, Cells, Kind};
pub use migrate::{Migration, MigrationError};
pub use open::open;
pub use postgres::{Limits, PostgresStore};
#[cfg(debug_assertions)]
pub use sqlite::MemoryStore;
pub use sqlite::SqliteStore;
pub use table::{Column, Table};

/// A boxed future; the trait is used as an object so that one binary serves both databases.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is away, busy or ended the transaction: roll back, back off, read the state again, retry.
    /// The outcome of a `COMMIT` that ended so is unknown.
    #[error("database not available: {0}")]
    Transient(String),
    /// It refused the data (a constraint, a value out of range): the same data will be refused again.
    #[error("database refused the data: {0}")]
    Refused(String),
    /// It does not fit this build (a missing table, a wrong password): a person must act.
    #[error("database does not fit this build: {0}")]
    Fatal(String),
}

/// The same statement in both dialects.
///
/// `postgres` takes each parameter column as one array and is executed once; `sqlite` takes one
/// value of each column and is executed once per row of the parameter columns (once, when there
/// are no parameter columns). Parameter columns without rows are not sent at all: nothing is
/// affected, nothing is returned. A single value is a column of one row; Postgres reads it as
/// `($1::bigint[])[1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text for Postgres; parameters `$1::bigint[]`, `$2::text[]`, ...
    pub postgres: Arc<str>,
    /// The text for SQLite; parameters `?1`, `?2`, ...
    pub sqlite: Arc<str>,
}

impl Statement {
    /// A statement from its two texts.
    pub fn new(postgres: impl Into<Arc<str>>, sqlite: impl Into<Arc<str>>) -> Self {
        Self {
            postgres: postgres.into(),
            sqlite: sqlite.into(),
        }
    }
}

/// How many rows the parameter columns have; none when there are no columns. Columns of different
/// lengths would be filled up with nulls by Postgres, so they are not sent.
fn rows_of_parameters(parameters: &[Cells]) -> Result<Option<usize>, StoreError> {
    let Some(first) = parameters.first() else {
        return Ok(None);
    };
    if parameters.iter().all(|column| column.len() == first.len()) {
        return Ok(Some(first.len()));
    }
    let lengths: Vec<usize> = parameters.iter().map(Cells::len).collect();
    Err(StoreError::Fatal(format!(
        "parameter columns of different lengths: {lengths:?}"
    )))
}

impl StoreError {
    /// The same error, with what it is about in front.
    fn about(self, what: &str) -> Self {
        match self {
            Self::Transient(text) => Self::Transient(format!("{what}: {text}")),
            Self::Refused(text) => Self::Refused(format!("{what}: {text}")),
            Self::Fatal(text) => Self::Fatal(format!("{what}: {text}")),
        }
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads and writes. SQLite takes its write lock at once, so that it never has to upgrade.
    Write,
    /// Reads one consistent snapshot (`REPEATABLE READ, READ ONLY` in Postgres).
    Snapshot,
}

/// A database of one group.
pub trait Store: Send + Sync + 'static {
    /// Begins a transaction on a connection of its own, connecting when there is none at hand.
    ///
    /// Transactions that are open at once are bounded (SQLite has one writer): a caller waits for
    /// its turn, and gets [`StoreError::Transient`] when that takes too long.
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Transaction>, StoreError>>;

    /// Applies the migrations of a component that this database has not seen, one transaction each;
    /// returns how many. Several processes may call it at once: they take turns.
    ///
    /// `component` keeps the numbers of the runtime's own tables apart from those of the group.
    /// A database that is ahead of this build is fine: migrations expand first.
    fn migrate<'a>(
        &'a self,
        component: &'a str,
        migrations: &'a [Migration],
    ) -> BoxFuture<'a, Result<usize, MigrationError>>;

    /// The migrations of a component that this database has not seen, in order.
    fn pending<'a>(
        &'a self,
        component: &'a str,
        migrations: &'a [Migration],
    ) -> BoxFuture<'a, Result<Vec<Migration>, MigrationError>>;
}

/// An open transaction. Dropped without [`Transaction::commit`], it is rolled back, also when a
/// call was cancelled half-way.
///
/// After an error the transaction is over: every further call, `commit` included, repeats the
/// error, so that the first half of a statement can never be committed by mistake.
pub trait Transaction: Send {
    /// Executes a statement for all rows of the parameter columns; returns the rows affected.
    fn execute<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Executes a statement like [`Transaction::execute`], but need not wait for its answer: the
    /// database works on it while the caller prepares what follows. Statements take effect in the
    /// order in which they were given, and an error is that of the first that failed; the next call
    /// that waits, `commit` at the latest, returns it.
    fn enqueue<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.execute(statement, parameters).await.map(drop) })
    }

    /// Runs a query; returns its columns, which must be of the given kinds.
    fn query<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
        kinds: &'a [Kind],
    ) -> BoxFuture<'a, Result<Vec<Cells>, StoreError>>;

    /// The round trips of this transaction so far, its `BEGIN` included and its `COMMIT` counted
    /// ahead: 2 when nothing was asked yet. Preparing a text for the first time on a connection is
    /// not counted. In SQLite, where nothing travels, the same numbers are hops to its thread.
    fn statements(&self) -> u64;

    /// Commits. [`StoreError::Transient`] leaves the outcome unknown: read the state again.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>>;
}
