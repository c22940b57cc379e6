//! The group's database: Postgres for deployments, SQLite for one machine, behind one trait.
//!
//! A statement is given columns of values and costs one round trip however many rows they have:
//! Postgres unfolds them with `UNNEST`, SQLite runs a prepared statement row by row inside its own
//! thread. Nothing above this module knows which database it talks to.

mod cells;
mod migrate;
mod table;

use std::{future::Future, pin::Pin, sync::Arc};

pub use cells::{Cell, Cells, Kind};
pub use migrate::Migration;
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
/// are no parameter columns).
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
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Transaction>, StoreError>>;
}

/// An open transaction. Dropped without [`Transaction::commit`], it is rolled back.
pub trait Transaction: Send {
    /// Executes a statement for all rows of the parameter columns; returns the rows affected.
    fn execute<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Runs a query; returns its columns, which must be of the given kinds.
    fn query<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
        kinds: &'a [Kind],
    ) -> BoxFuture<'a, Result<Vec<Cells>, StoreError>>;

    /// How many statements were sent so far: the measure of round trips.
    fn statements(&self) -> u64;

    /// Commits. [`StoreError::Transient`] leaves the outcome unknown.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>>;
}
