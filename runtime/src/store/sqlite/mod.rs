//! SQLite: one file per group on one machine, nothing to install.
//!
//! SQLite blocks, so each connection lives on a thread of its own and takes its work as closures;
//! a bulk statement is one hop, whatever its rows. Several processes may share the file.
//!
//! What stays true: a commit is on the disk when it returns (`synchronous=FULL`); there is one
//! writer at a time, queued fairly within the process and by SQLite's lock between processes.

mod bulk;
mod connection;
mod errors;
#[cfg(debug_assertions)]
mod in_memory;
mod pool;
mod transaction;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

#[cfg(debug_assertions)]
pub use in_memory::MemoryStore;
use tokio::sync::Semaphore;

use super::{Migration, Mode, StoreError, migrate};
use pool::Pool;
use transaction::SqliteTransaction;

/// Open transactions of one process; only one of them writes, the others read.
const CONNECTIONS_MAX: usize = 8;
/// How long a writer waits for the writers before it in this process. Longer than
/// [`LOCK_WAIT`], which each of those may spend on another process.
const TURN_WAIT: Duration = Duration::from_secs(30);
/// How long SQLite waits for a lock that another process holds.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// A SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    pool: Arc<Pool>,
}

impl SqliteStore {
    /// A store in a file, which is created by the first transaction; its folder is created now.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when the folder cannot be created.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                StoreError::Fatal(format!("create folder {}: {error}", folder.display()))
            })?;
        }
        let pool = Pool {
            path,
            idle: Mutex::default(),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            writer: Arc::new(Semaphore::new(1)),
        };
        Ok(Self {
            pool: Arc::new(pool),
        })
    }
}

impl migrate::Target for SqliteStore {
    type Open = SqliteTransaction;

    async fn transaction(&self, mode: Mode) -> Result<SqliteTransaction, StoreError> {
        let lease = Pool::lease(&self.pool, mode).await?;
        SqliteTransaction::begin(lease, mode).await
    }

    fn text(migration: &Migration) -> &'static str {
        migration.sqlite
    }

    /// The write lock is taken by `BEGIN IMMEDIATE`: whoever has it is alone.
    async fn begin_alone(&self) -> Result<SqliteTransaction, StoreError> {
        migrate::Target::transaction(self, Mode::Write).await
    }

    async fn run(open: &mut SqliteTransaction, text: &'static str) -> Result<(), StoreError> {
        open.run_text(text).await
    }
}
