//! One connection: how it is made and set up, and its prepared statements.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::{
    TryStreamExt,
    future::{MaybeDone, maybe_done},
};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, types::ToSql};

use super::{columns, errors::classify, limits::Limits};
use crate::store::{BoxFuture, Cells, Kind, StoreError};

/// Distinct statement texts that stay prepared; beyond it all are forgotten and prepared anew.
const PREPARED_MAX: usize = 256;

type Answer = BoxFuture<'static, Result<(), StoreError>>;

/// A statement that was sent, and its answer once it has come.
pub(super) struct Sent(Pin<Box<MaybeDone<Answer>>>);

impl Sent {
    pub(super) async fn answer(mut self) -> Result<(), StoreError> {
        self.0.as_mut().await;
        let answer = self.0.as_mut().take_output();
        answer.unwrap_or_else(|| Err(StoreError::Fatal("an answer was taken twice".into())))
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sent")
    }
}

pub(super) struct Connection {
    client: Arc<Client>,
    driver: JoinHandle<()>,
    prepared: HashMap<Arc<str>, tokio_postgres::Statement>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("closed", &self.client.is_closed())
            .field("prepared", &self.prepared.len())
            .finish()
    }
}

impl Connection {
    pub(super) async fn open(
        config: &Config,
        schema: &str,
        limits: &Limits,
    ) -> Result<Self, StoreError> {
        // A server that accepts and then says nothing is bounded here, not by the driver's own
        // time-out, which is for reaching one address.
        let addresses = u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        let wait = limits.connect.saturating_mul(addresses) + limits.connect;
        let (client, driver) = within(wait, async {
            config.connect(NoTls).await.map_err(classify)
        })
        .await
        .map_err(|error| error.about("connect to Postgres"))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.await {
                let error = classify(error);
                tracing::debug!(%error, "postgres connection ended");
            }
        });
        let connection = Self {
            client: Arc::new(client),
            driver,
            prepared: HashMap::new(),
        };
        connection
            .run_text(limits.answer, &session(schema, limits))
            .await?;
        Ok(connection)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs a text of several statements.
    pub(super) async fn run_text(&self, wait: Duration, text: &str) -> Result<(), StoreError> {
        let run = self.client.batch_execute(text);
        within(wait, async { run.await.map_err(classify) }).await
    }

    pub(super) async fn execute(
        &mut self,
        text: &Arc<str>,
        parameters: &[Cells],
    ) -> Result<u64, StoreError> {
        let statement = self.prepare(text, parameters).await?;
        let arrays: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(columns::array).collect();
        let affected = self.client.execute(&statement, &arrays).await;
        affected.map_err(classify)
    }

    /// Sends a statement and does not wait. The driver sends a request when it is first polled, so
    /// that statements are sent, and executed, in the order of these calls.
    pub(super) async fn send(
        &mut self,
        text: &Arc<str>,
        parameters: Vec<Cells>,
    ) -> Result<Sent, StoreError> {
        let statement = self.prepare(text, &parameters).await?;
        let client = Arc::clone(&self.client);
        let answer: Answer = Box::pin(async move {
            let arrays: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(columns::array).collect();
            let affected = client.execute(&statement, &arrays).await;
            affected.map(drop).map_err(classify)
        });
        let mut sent = Box::pin(maybe_done(answer));
        poll_fn(|context| Poll::Ready(sent.as_mut().poll(context).is_ready())).await;
        Ok(Sent(sent))
    }

    pub(super) async fn query(
        &mut self,
        text: &Arc<str>,
        parameters: &[Cells],
        kinds: &[Kind],
    ) -> Result<Vec<Cells>, StoreError> {
        let statement = self.prepare(text, parameters).await?;
        columns::require(statement.columns(), kinds)?;
        let arrays: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(columns::array).collect();
        let rows = self.client.query_raw(&statement, arrays).await;
        let mut rows = std::pin::pin!(rows.map_err(classify)?);
        let mut results: Vec<Cells> = kinds.iter().map(|kind| Cells::new(*kind)).collect();
        while let Some(row) = rows.try_next().await.map_err(classify)? {
            columns::read(&row, &mut results).map_err(classify)?;
        }
        Ok(results)
    }

    async fn prepare(
        &mut self,
        text: &Arc<str>,
        parameters: &[Cells],
    ) -> Result<tokio_postgres::Statement, StoreError> {
        if let Some(statement) = self.prepared.get(text) {
            return Ok(statement.clone());
        }
        let types: Vec<_> = parameters.iter().map(columns::array_type).collect();
        let statement = self.client.prepare_typed(text, &types).await;
        let statement = statement.map_err(classify)?;
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        self.prepared.insert(Arc::clone(text), statement.clone());
        Ok(statement)
    }

    /// Ends the connection at once, without waiting for a server that may not answer, and asks the
    /// server, over a connection of its own, to stop what it is still doing for this one: it would
    /// else hold its locks until it tries to answer.
    pub(super) fn cut(self) {
        let cancel = self.client.cancel_token();
        self.driver.abort();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let asked = tokio::time::timeout(CANCEL_WAIT, cancel.cancel_query(NoTls));
                if !matches!(asked.await, Ok(Ok(()))) {
                    tracing::debug!("a statement that was given up could not be cancelled");
                }
            });
        }
    }
}

/// How long to try to reach the server for a cancellation.
const CANCEL_WAIT: Duration = Duration::from_secs(5);

/// What every session is told first: where its tables are and how long it may keep others waiting.
/// A server that is set to acknowledge before the disk has it is told not to.
///
/// Every statement of a batch finds its rows by key. The server plans each once per connection, and
/// one that was planned while its table was empty would go on to read all of a table that has grown
/// since: so reading a whole table is made the last resort. Its estimate is then so high that the
/// server would compile such a plan first, which never pays here.
fn session(schema: &str, limits: &Limits) -> String {
    format!(
        "SET search_path TO {schema}; \
         SET enable_seqscan = off; \
         SET jit = off; \
         SET statement_timeout = {}; \
         SET lock_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; \
         SET client_min_messages = warning; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'",
        limits.statement.as_millis(),
        limits.lock.as_millis(),
        limits.idle_in_transaction.as_millis(),
    )
}

/// Bounds a wait for the server.
pub(super) async fn within<T>(
    wait: Duration,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(wait, answer).await {
        Ok(outcome) => outcome,
        Err(_) => Err(StoreError::Transient(format!(
            "no answer within {} ms",
            wait.as_millis()
        ))),
    }
}
