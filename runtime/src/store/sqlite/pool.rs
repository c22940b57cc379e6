//! The connections of one file: taken by a transaction, given back when it has ended.
//!
//! What stays true: a connection is given back only after whatever was open on it is rolled back,
//! and the permits of a transaction are released only then. Both happen on the connection's thread,
//! behind everything that was asked before, so neither a dropped future nor a dropped transaction
//! can overtake a statement that is still running.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    LOCK_WAIT, TURN_WAIT,
    connection::{self, Connection},
};
use crate::store::{Mode, StoreError};

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) path: PathBuf,
    pub(super) idle: Mutex<Vec<Connection>>,
    pub(super) connections: Arc<Semaphore>,
    /// One permit: writers of this process queue here, first come, first served, instead of
    /// polling SQLite's lock against each other.
    pub(super) writer: Arc<Semaphore>,
}

impl Pool {
    pub(super) async fn lease(pool: &Arc<Self>, mode: Mode) -> Result<Lease, StoreError> {
        let mut permits = Vec::new();
        if mode == Mode::Write {
            permits.push(turn(&pool.writer, TURN_WAIT, "writers before this one").await?);
        }
        permits.push(turn(&pool.connections, TURN_WAIT, "open transactions").await?);
        let idle = pool.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open(pool.path.clone(), LOCK_WAIT).await?,
        };
        Ok(Lease {
            connection: Some(connection),
            permits,
            pool: Arc::downgrade(pool),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn turn(
    semaphore: &Arc<Semaphore>,
    wait: Duration,
    whom: &str,
) -> Result<OwnedSemaphorePermit, StoreError> {
    match tokio::time::timeout(wait, Arc::clone(semaphore).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) => Err(StoreError::Fatal("the store is closed".into())),
        Err(_) => Err(StoreError::Transient(format!(
            "waited {} s for {whom}",
            wait.as_secs()
        ))),
    }
}

/// A connection while a transaction has it.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    permits: Vec<OwnedSemaphorePermit>,
    pool: Weak<Pool>,
}

impl Lease {
    pub(super) fn connection(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("only Drop takes the connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let permits = std::mem::take(&mut self.permits);
        let pool = Weak::clone(&self.pool);
        let again = connection.clone();
        connection.send(Box::new(move |sqlite| {
            if connection::end(sqlite).is_ok()
                && let Some(pool) = pool.upgrade()
            {
                pool.idle().push(again);
            }
            drop(permits);
        }));
    }
}
