//! One SQLite connection on a thread of its own, which ends with the last handle to it.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::errors::classify;
use crate::store::StoreError;

/// Work for the connection's thread.
pub(super) type Job = Box<dyn FnOnce(&mut rusqlite::Connection) + Send>;

/// Distinct statement texts that stay prepared.
const PREPARED_MAX: usize = 128;
/// The write-ahead log is cut back to this after a checkpoint.
const LOG_BYTES_KEPT: i64 = 64 << 20;
/// How long between two attempts at a lock: at first, and after [`EAGER_ATTEMPTS`].
const ATTEMPT_PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(5)];
const EAGER_ATTEMPTS: i32 = 50;

/// A handle to the thread.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    jobs: mpsc::Sender<Job>,
}

impl Connection {
    pub(super) async fn open(path: PathBuf, lock_wait: Duration) -> Result<Self, StoreError> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (opened, opening) = oneshot::channel();
        let serve = move || match open(&path, lock_wait) {
            Ok(mut sqlite) => {
                opened.send(Ok(())).ok();
                for job in todo {
                    job(&mut sqlite);
                }
            }
            Err(error) => {
                opened.send(Err(error)).ok();
            }
        };
        std::thread::Builder::new()
            .name("sqlite".into())
            .spawn(serve)
            .map_err(|error| StoreError::Transient(format!("start a thread: {error}")))?;
        opening.await.map_err(|_| thread_ended())??;
        Ok(Self { jobs })
    }

    /// Runs a job behind all that were sent before. When the future is dropped, the job runs all
    /// the same.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(move |sqlite| {
            reply.send(job(sqlite)).ok();
        }));
        answer.await.map_err(|_| thread_ended())?
    }

    /// Sends a job without waiting. A thread that has died drops it, and with it what it holds.
    pub(super) fn send(&self, job: Job) {
        self.jobs.send(job).ok();
    }
}

fn thread_ended() -> StoreError {
    StoreError::Transient("the thread of a SQLite connection ended".into())
}

/// Rolls back what is open and makes the connection fit for the next transaction.
pub(super) fn end(sqlite: &mut rusqlite::Connection) -> Result<(), StoreError> {
    if !sqlite.is_autocommit() {
        sqlite.execute_batch("ROLLBACK").map_err(classify)?;
    }
    sqlite
        .execute_batch("PRAGMA query_only = OFF")
        .map_err(classify)
}

fn open(path: &Path, lock_wait: Duration) -> Result<rusqlite::Connection, StoreError> {
    let opened = rusqlite::Connection::open(path).and_then(|mut sqlite| {
        sqlite.busy_handler(Some(wait_for_lock(lock_wait)))?;
        // Switching to the write-ahead log needs the file for itself, and SQLite does not call the
        // busy handler for that when two processes open a new file at once.
        let started = Instant::now();
        while let Err(error) = use_write_ahead_log(&sqlite) {
            if !is_busy(&error) || started.elapsed() >= lock_wait {
                return Err(error);
            }
            std::thread::sleep(ATTEMPT_PAUSES[0]);
        }
        configure(&sqlite)?;
        Ok(sqlite)
    });
    opened.map_err(|error| classify(error).about(&path.display().to_string()))
}

fn use_write_ahead_log(sqlite: &rusqlite::Connection) -> rusqlite::Result<()> {
    let mode = |text| sqlite.query_row(text, [], |row| row.get::<_, String>(0));
    if mode("PRAGMA journal_mode")? != "wal" {
        mode("PRAGMA journal_mode = WAL")?;
    }
    Ok(())
}

fn configure(sqlite: &rusqlite::Connection) -> rusqlite::Result<()> {
    sqlite.set_prepared_statement_cache_capacity(PREPARED_MAX);
    // `fullfsync` matters on macOS alone, where a plain fsync does not reach the disk.
    sqlite.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;",
    )?;
    sqlite.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)
}

/// SQLite's own handler backs off to 100 ms, too long for batches of a few milliseconds.
fn wait_for_lock(limit: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Instant::now();
    move |attempt| {
        if attempt == 0 {
            since = Instant::now();
        }
        std::thread::sleep(ATTEMPT_PAUSES[usize::from(attempt >= EAGER_ATTEMPTS)]);
        since.elapsed() < limit
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}
