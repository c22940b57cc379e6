//! An open SQLite transaction.

use super::{bulk, errors::classify, pool::Lease};
use crate::store::{
    BoxFuture, Cells, Kind, Mode, Statement, StoreError, Transaction, rows_of_parameters,
};

/// See [`Transaction`]. Dropping it drops its lease, which rolls back.
#[derive(Debug)]
pub(crate) struct SqliteTransaction {
    lease: Lease,
    statements: u64,
    /// Set while a call is under way; found set by the next one when the call was cancelled, whose
    /// effect is then unknown.
    under_way: bool,
    failed: Option<StoreError>,
}

impl SqliteTransaction {
    pub(super) async fn begin(lease: Lease, mode: Mode) -> Result<Self, StoreError> {
        // The lease is in place before BEGIN is sent: if this future is dropped meanwhile, the
        // rollback is queued behind it.
        let mut transaction = Self {
            lease,
            statements: 2,
            under_way: false,
            failed: None,
        };
        let text = match mode {
            Mode::Write => "BEGIN IMMEDIATE",
            Mode::Snapshot => "PRAGMA query_only = ON; BEGIN DEFERRED",
        };
        transaction.send(text).await?;
        Ok(transaction)
    }

    pub(super) async fn run_text(&mut self, text: &'static str) -> Result<(), StoreError> {
        self.require_open()?;
        self.statements += 1;
        self.send(text).await
    }

    async fn send(&mut self, text: &'static str) -> Result<(), StoreError> {
        self.run(move |sqlite| sqlite.execute_batch(text).map_err(classify))
            .await
    }

    async fn run<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.under_way = true;
        let outcome = self.lease.connection().run(job).await;
        self.under_way = false;
        if let Err(error) = &outcome {
            self.failed = Some(error.clone());
        }
        outcome
    }

    fn require_open(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None if self.under_way => Err(StoreError::Transient("a call was cancelled".into())),
            None => Ok(()),
        }
    }
}

impl Transaction for SqliteTransaction {
    fn execute<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.require_open()?;
            if rows_of_parameters(&parameters)? == Some(0) {
                return Ok(0);
            }
            self.statements += 1;
            let text = statement.sqlite.clone();
            self.run(move |sqlite| bulk::execute(sqlite, &text, &parameters))
                .await
        })
    }

    fn query<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
        kinds: &'a [Kind],
    ) -> BoxFuture<'a, Result<Vec<Cells>, StoreError>> {
        Box::pin(async move {
            self.require_open()?;
            if rows_of_parameters(&parameters)? == Some(0) {
                return Ok(kinds.iter().map(|kind| Cells::new(*kind)).collect());
            }
            self.statements += 1;
            let text = statement.sqlite.clone();
            let kinds = kinds.to_vec();
            self.run(move |sqlite| bulk::query(sqlite, &text, &parameters, &kinds))
                .await
        })
    }

    fn statements(&self) -> u64 {
        self.statements
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            self.require_open()?;
            self.send("COMMIT").await
        })
    }
}
