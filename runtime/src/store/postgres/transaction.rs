//! An open Postgres transaction.
//!
//! What stays true: it ends in one of four ways. Committed, or rolled back with an answer: the
//! connection goes back to the pool. Failed in a way that leaves the session in doubt, or cancelled
//! in the middle of a call: the connection is cut.

use std::time::Duration;

use super::{
    connection::{Sent, within},
    pool::Lease,
};
use crate::store::{
    BoxFuture, Cells, Kind, Statement, StoreError, Transaction, rows_of_parameters,
};

/// How long a rollback may take before the connection is cut instead.
const ROLLBACK_WAIT: Duration = Duration::from_secs(2);

/// See [`Transaction`].
#[derive(Debug)]
pub(crate) struct PostgresTransaction {
    /// Sent and not yet answered, in order.
    sent: Vec<Sent>,
    /// None after the end.
    lease: Option<Lease>,
    answer_wait: Duration,
    statements: u64,
    /// Set while a call is under way; found set by whoever comes next when the call was cancelled.
    under_way: bool,
    failed: Option<StoreError>,
}

impl PostgresTransaction {
    pub(super) async fn begin(lease: Lease, text: &str) -> Result<Self, StoreError> {
        let mut transaction = Self {
            answer_wait: lease.limits().answer,
            lease: Some(lease),
            sent: Vec::new(),
            // The commit, ahead of time.
            statements: 1,
            under_way: false,
            failed: None,
        };
        transaction.run_text(text).await?;
        Ok(transaction)
    }

    /// Lets single calls take longer than usual, for migrations.
    pub(super) fn allow(&mut self, answer_wait: Duration) {
        self.answer_wait = answer_wait;
    }

    pub(super) async fn run_text(&mut self, text: &str) -> Result<(), StoreError> {
        let (wait, lease) = self.start()?;
        let outcome = lease.connection.run_text(wait, text).await;
        self.note(outcome)
    }

    /// Waits for the answers to everything that was sent, up to the first that failed: that one says
    /// why, and the server refuses all that follow.
    async fn answers(&mut self) -> Result<(), StoreError> {
        self.require_open()?;
        let sent = std::mem::take(&mut self.sent);
        if sent.is_empty() {
            return Ok(());
        }
        self.under_way = true;
        let mut outcome = Ok(());
        for sent in sent {
            outcome = within(self.answer_wait, sent.answer()).await;
            if outcome.is_err() {
                break;
            }
        }
        self.note(outcome)
    }

    fn require_open(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None if self.under_way => Err(StoreError::Transient("a call was cancelled".into())),
            None => Ok(()),
        }
    }

    fn start(&mut self) -> Result<(Duration, &mut Lease), StoreError> {
        self.require_open()?;
        let lease = self.lease.as_mut();
        let lease = lease.ok_or_else(|| StoreError::Fatal("the transaction has ended".into()))?;
        self.under_way = true;
        self.statements += 1;
        Ok((self.answer_wait, lease))
    }

    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.under_way = false;
        outcome.inspect_err(|error| self.failed = Some(error.clone()))
    }
}

impl Transaction for PostgresTransaction {
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
            self.answers().await?;
            let (wait, lease) = self.start()?;
            let execute = lease.connection.execute(&statement.postgres, &parameters);
            let outcome = within(wait, execute).await;
            self.note(outcome)
        })
    }

    fn enqueue<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.require_open()?;
            if rows_of_parameters(&parameters)? == Some(0) {
                return Ok(());
            }
            let (wait, lease) = self.start()?;
            let send = lease.connection.send(&statement.postgres, parameters);
            let outcome = within(wait, send).await;
            let sent = self.note(outcome)?;
            self.sent.push(sent);
            Ok(())
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
            self.answers().await?;
            let (wait, lease) = self.start()?;
            let query = lease
                .connection
                .query(&statement.postgres, &parameters, kinds);
            let outcome = within(wait, query).await;
            self.note(outcome)
        })
    }

    fn statements(&self) -> u64 {
        self.statements
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            // Also because Postgres answers COMMIT in a failed transaction with a cheerful ROLLBACK.
            self.answers().await?;
            self.run_text("COMMIT").await?;
            if let Some(lease) = self.lease.take() {
                lease.give_back();
            }
            Ok(())
        })
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        let certain = match self.failed {
            None => !self.under_way,
            // The common case: one record of a batch is refused and the batch tried without it.
            Some(StoreError::Refused(_)) => true,
            Some(_) => false,
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if certain => {
                runtime.spawn(roll_back(lease));
            }
            _ => lease.distrust(),
        }
    }
}

async fn roll_back(lease: Lease) {
    match lease.connection.run_text(ROLLBACK_WAIT, "ROLLBACK").await {
        Ok(()) => lease.give_back(),
        Err(_) => lease.distrust(),
    }
}
