//! The connections to one schema: made when needed, used again while their state is certain.
//!
//! What stays true: a connection in the pool has no open transaction. One that failed is dropped,
//! and with it all that lie idle, because what broke one (a restart, a failover) broke them too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Config;

use super::{connection::Connection, limits::Limits};
use crate::store::StoreError;

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) config: Config,
    pub(super) schema: String,
    pub(super) limits: Limits,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(config: Config, schema: String, limits: Limits) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits.connections)),
            config,
            schema,
            limits,
            idle: Mutex::default(),
        }
    }

    pub(super) async fn lease(pool: &Arc<Self>) -> Result<Lease, StoreError> {
        let turn = Arc::clone(&pool.turns).acquire_owned();
        let turn = match tokio::time::timeout(pool.limits.turn, turn).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(StoreError::Fatal("the store is closed".into())),
            Err(_) => {
                return Err(StoreError::Transient(format!(
                    "all {} connections were in use for {} s",
                    pool.limits.connections,
                    pool.limits.turn.as_secs()
                )));
            }
        };
        let connection = match pool.take_idle() {
            Some(connection) => connection,
            None => Connection::open(&pool.config, &pool.schema, &pool.limits).await?,
        };
        Ok(Lease {
            connection,
            pool: Arc::clone(pool),
            _turn: turn,
        })
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection while a transaction has it. Dropping it cuts the connection, on which the server
/// rolls back; [`Lease::give_back`] is for connections without an open transaction.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: Connection,
    pool: Arc<Pool>,
    _turn: OwnedSemaphorePermit,
}

impl Lease {
    pub(super) fn limits(&self) -> &Limits {
        &self.pool.limits
    }

    pub(super) fn give_back(self) {
        let Self {
            connection,
            pool,
            _turn,
        } = self;
        // Before the turn is released, so that whoever gets it finds the connection.
        pool.idle().push(connection);
    }

    /// Cuts this connection and all that lie idle.
    pub(super) fn distrust(self) {
        self.pool.idle().clear();
        self.connection.cut();
    }
}
