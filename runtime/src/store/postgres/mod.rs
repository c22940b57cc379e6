//! PostgreSQL: one schema per group, a small pool of connections, every wait bounded.
//!
//! A statement takes its columns as arrays and is one round trip, whatever its rows.
//!
//! What stays true: a server that is away, hangs or restarts shows as [`StoreError::Transient`]
//! within [`Limits::answer`]; a connection whose state is not certain is never used again.

mod columns;
mod connection;
mod errors;
mod limits;
mod pool;
mod transaction;

use std::sync::Arc;

use tokio_postgres::config::TargetSessionAttrs;

use super::{Migration, Mode, StoreError, migrate, open};
pub use limits::Limits;
use pool::Pool;
use transaction::PostgresTransaction;

/// Taken, as a Postgres advisory lock, by whoever migrates: any number that no other program uses.
const MIGRATION_LOCK: i64 = 0x636f_756e_7465_7266;

/// A schema in a Postgres database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
}

impl PostgresStore {
    /// A store in the schema `schema`, which [`Store::migrate`](crate::store::Store::migrate) creates. Connections are made when
    /// they are needed, so a server that is away now is no error.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] when the URL or the schema's name cannot be used.
    pub fn open(url: &str, schema: &str, limits: Limits) -> Result<Self, StoreError> {
        open::require_name(schema)?;
        let mut config: tokio_postgres::Config = url.parse().map_err(|error| {
            errors::classify(error)
                .about("expected postgres://user:password@host:5432/database[?sslmode=...]")
        })?;
        if config.get_application_name().is_none() {
            config.application_name(format!("counterflow {schema}"));
        }
        config
            .connect_timeout(limits.connect)
            .tcp_user_timeout(limits.answer)
            .keepalives_idle(limits.answer)
            .keepalives_interval(limits.connect)
            .keepalives_retries(3)
            // After a failover a host may still answer as a standby: that one is passed over.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self {
            pool: Arc::new(Pool::new(config, schema.to_owned(), limits)),
        })
    }

    async fn begin_concrete(&self, text: &str) -> Result<Open, StoreError> {
        let lease = Pool::lease(&self.pool).await?;
        PostgresTransaction::begin(lease, text).await
    }

    /// Makes sure of the schema, looking first: creating one needs a right that the owner of an
    /// existing schema may lack, even with `IF NOT EXISTS`.
    async fn make_schema(&self, open: &mut Open) -> Result<(), StoreError> {
        let schema = &self.pool.schema;
        let text = format!(
            "DO $$ BEGIN IF to_regnamespace('{schema}') IS NULL THEN \
             CREATE SCHEMA {schema}; END IF; END $$"
        );
        open.run_text(&text).await
    }
}

type Open = PostgresTransaction;

impl migrate::Target for PostgresStore {
    type Open = PostgresTransaction;

    async fn transaction(&self, mode: Mode) -> Result<Open, StoreError> {
        let text = match mode {
            Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE".to_owned(),
            // Whoever reads a snapshot page by page works between the pages, and may well mean
            // a whole table.
            Mode::Snapshot => format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
                 SET LOCAL enable_seqscan = on; \
                 SET LOCAL idle_in_transaction_session_timeout = {}",
                self.pool.limits.idle_in_snapshot.as_millis()
            ),
        };
        self.begin_concrete(&text).await
    }

    fn text(migration: &Migration) -> &'static str {
        migration.postgres
    }

    /// Waits for its turn as long as a migration may take, but for locks on tables only as long as
    /// any statement: everyone else would queue behind a migration that waits for a table.
    async fn begin_alone(&self) -> Result<Open, StoreError> {
        let limits = &self.pool.limits;
        let migration = limits.migration;
        let text = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE; \
             SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}",
            migration.as_millis()
        );
        let mut open = self.begin_concrete(&text).await?;
        open.allow(migration + limits.answer);
        let lock = format!(
            "SELECT pg_advisory_xact_lock({MIGRATION_LOCK}); SET LOCAL lock_timeout = {}",
            limits.lock.as_millis()
        );
        open.run_text(&lock).await?;
        self.make_schema(&mut open).await?;
        Ok(open)
    }

    async fn run(open: &mut Open, text: &'static str) -> Result<(), StoreError> {
        open.run_text(text).await
    }
}
