//! SQLite in memory, on the thread of whoever asks: for simulations, in which what happens and when
//! must not depend on another thread.
//!
//! The statements are those of a deployed group, run by the same code; what differs is that there is
//! one connection, so transactions take turns whatever their mode. Nothing here outlives the value.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{bulk, errors::classify};
use crate::{
    rows::Row,
    store::{
        BoxFuture, Cells, Kind, Migration, Mode, Statement, StoreError, Transaction, migrate,
        rows_of_parameters,
    },
};

/// As many texts as all groups together have.
const PREPARED_MAX: usize = 256;

/// A database in memory.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    connection: Arc<Mutex<Connection>>,
    turn: Arc<Semaphore>,
}

impl MemoryStore {
    /// An empty database.
    ///
    /// # Errors
    /// [`StoreError`] when SQLite has no memory for one.
    pub fn new() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory().map_err(classify)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
        connection
            .execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")
            .map_err(classify)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// Notes the present content: [`rewind`](Self::rewind) comes back to it.
    ///
    /// # Errors
    /// [`StoreError`] as SQLite says.
    pub fn mark(&self) -> Result<(), StoreError> {
        self.run("SAVEPOINT mark")
    }

    /// Takes back everything since [`mark`](Self::mark), which stays. No transaction may be open.
    ///
    /// # Errors
    /// [`StoreError`] as SQLite says.
    pub fn rewind(&self) -> Result<(), StoreError> {
        self.run("ROLLBACK TO mark")
    }

    /// Whether no transaction is open or about to be.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.turn.available_permits() > 0
    }

    /// Runs a text outside of any transaction, as an operator would.
    ///
    /// # Errors
    /// [`StoreError`] as SQLite says.
    pub fn run(&self, text: &str) -> Result<(), StoreError> {
        self.lock().execute_batch(text).map_err(classify)
    }

    /// What a query returns, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError`] as SQLite says.
    pub fn query(
        &self,
        text: &str,
        parameters: &[Cells],
        kinds: &[Kind],
    ) -> Result<Vec<Cells>, StoreError> {
        bulk::query(&self.lock(), text, parameters, kinds)
    }

    /// All rows of a table, in key order.
    ///
    /// # Errors
    /// [`StoreError`] as SQLite says, and for a value that does not fit its column.
    pub fn rows<R: Row>(&self) -> Result<Vec<R>, StoreError> {
        let page = R::TABLE.page(false);
        let all = [Cells::longs([i64::MAX])];
        let mut columns = bulk::query(&self.lock(), &page.sqlite, &all, &R::TABLE.kinds())?;
        crate::rows::take_all(&mut columns)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A connection is as good as before, whoever panicked with it.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A savepoint, since [`MemoryStore::mark`] may have one open around it.
#[derive(Debug)]
pub(crate) struct MemoryTransaction {
    store: MemoryStore,
    statements: u64,
    failed: Option<StoreError>,
    is_open: bool,
    _turn: OwnedSemaphorePermit,
}

impl MemoryTransaction {
    fn begin(
        store: MemoryStore,
        turn: OwnedSemaphorePermit,
        mode: Mode,
    ) -> Result<Self, StoreError> {
        store.run(match mode {
            Mode::Write => "SAVEPOINT batch",
            Mode::Snapshot => "SAVEPOINT batch; PRAGMA query_only = ON",
        })?;
        Ok(Self {
            store,
            statements: 2,
            failed: None,
            is_open: true,
            _turn: turn,
        })
    }

    fn made<T>(
        &mut self,
        parameters: &[Cells],
        none: T,
        make: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if rows_of_parameters(parameters)? == Some(0) {
            return Ok(none);
        }
        self.statements += 1;
        let outcome = make(&self.store.lock());
        if let Err(error) = &outcome {
            self.failed = Some(error.clone());
        }
        outcome
    }
}

impl Drop for MemoryTransaction {
    fn drop(&mut self) {
        let end = match self.is_open {
            true => "ROLLBACK TO batch; RELEASE batch; PRAGMA query_only = OFF",
            false => "PRAGMA query_only = OFF",
        };
        self.store.run(end).expect("a savepoint can be taken back");
    }
}

impl Transaction for MemoryTransaction {
    fn execute<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        let text = &statement.sqlite;
        let made = self.made(&parameters, 0, |sqlite| {
            bulk::execute(sqlite, text, &parameters)
        });
        Box::pin(std::future::ready(made))
    }

    fn query<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
        kinds: &'a [Kind],
    ) -> BoxFuture<'a, Result<Vec<Cells>, StoreError>> {
        let text = &statement.sqlite;
        let none = kinds.iter().map(|kind| Cells::new(*kind)).collect();
        let made = self.made(&parameters, none, |sqlite| {
            bulk::query(sqlite, text, &parameters, kinds)
        });
        Box::pin(std::future::ready(made))
    }

    fn statements(&self) -> u64 {
        self.statements
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        let outcome = match self.failed.clone() {
            Some(error) => Err(error),
            None => self.store.run("RELEASE batch"),
        };
        self.is_open = outcome.is_err();
        drop(self);
        Box::pin(std::future::ready(outcome))
    }
}

impl migrate::Target for MemoryStore {
    type Open = MemoryTransaction;

    async fn transaction(&self, mode: Mode) -> Result<MemoryTransaction, StoreError> {
        let closed = |_| StoreError::Fatal("the store is closed".into());
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        MemoryTransaction::begin(self.clone(), turn.map_err(closed)?, mode)
    }

    fn text(migration: &Migration) -> &'static str {
        migration.sqlite
    }

    async fn begin_alone(&self) -> Result<MemoryTransaction, StoreError> {
        migrate::Target::transaction(self, Mode::Write).await
    }

    async fn run(open: &mut MemoryTransaction, text: &'static str) -> Result<(), StoreError> {
        open.statements += 1;
        open.store.run(text)
    }
}
