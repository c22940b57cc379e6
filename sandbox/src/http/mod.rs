//! The sandbox on a socket: accepts, serves, and ends in order.

mod admin;
mod connection;
mod exchange;
mod routes;

use std::{future::Future, pin::pin, sync::Arc};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Config, Error, journal::Journal, service::Service};

/// What every handler shares.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) service: Arc<Service>,
    /// Requests that run to their end even when their caller goes away.
    pub(crate) operations: TaskTracker,
    pub(crate) permits: Arc<Semaphore>,
    /// Fires when nothing may run any longer.
    pub(crate) ending: CancellationToken,
}

/// Serves until `shutdown` completes or the journal fails. Requests in progress are given
/// `shutdown_grace`; what is not journaled by then has no effect.
///
/// # Errors
/// [`Error::Config`] and [`Error::Journal`] before anything is served; [`Error::JournalLost`] when
/// the disk fails.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future,
) -> Result<(), Error> {
    let mistakes = config.mistakes();
    if !mistakes.is_empty() {
        return Err(Error::Config(mistakes));
    }
    let (folder, segment_bytes_max) = (config.journal.clone(), config.segment_bytes_max);
    let opened =
        tokio::task::spawn_blocking(move || Journal::open(&folder, segment_bytes_max)).await;
    let (journal, state, writer) = opened.expect("opening a journal does not panic")?;
    let mut failed = journal.failed();
    let connections = TaskTracker::new();
    let draining = CancellationToken::new();
    let shared = Shared {
        permits: Arc::new(Semaphore::new(config.operations_max)),
        operations: TaskTracker::new(),
        ending: CancellationToken::new(),
        service: Arc::new(Service::new(config, journal, state)),
    };
    // Dropping this future ends everything that it started.
    let _ending = shared.ending.clone().drop_guard();
    let config = &shared.service.config;
    let slots = Arc::new(Semaphore::new(config.connections_max));
    let router = routes::router(shared.clone());
    let mut shutdown = pin!(shutdown);
    loop {
        let slot = tokio::select! {
            _ = &mut shutdown => break,
            _ = failed.changed() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let stream = tokio::select! {
            _ = &mut shutdown => break,
            _ = failed.changed() => break,
            accepted = connection::accept(&listener) => accepted,
        };
        let serving = connection::serve(
            stream,
            router.clone(),
            config.read_timeout,
            draining.clone(),
        );
        let ending = shared.ending.clone();
        connections.spawn(async move {
            ending.run_until_cancelled(serving).await;
            drop(slot);
        });
    }
    drop(listener);
    draining.cancel();
    drain(&connections, &shared).await;
    let lost = failed.borrow().clone();
    drop((router, shared));
    // All senders are gone: the writer empties its queue and ends.
    let joined = tokio::task::spawn_blocking(move || writer.join()).await;
    match (lost, joined) {
        (Some(reason), _) => Err(Error::JournalLost(reason)),
        (None, Ok(Ok(()))) => Ok(()),
        (None, _) => Err(Error::JournalLost("its writer panicked".into())),
    }
}

/// Lets what is in progress end, and cuts off what does not within the grace.
async fn drain(connections: &TaskTracker, shared: &Shared) {
    connections.close();
    shared.operations.close();
    let ended = async {
        connections.wait().await;
        shared.operations.wait().await;
    };
    if tokio::time::timeout(shared.service.config.shutdown_grace, ended)
        .await
        .is_err()
    {
        tracing::warn!("requests were cut off at shutdown");
        shared.ending.cancel();
        connections.wait().await;
        shared.operations.wait().await;
    }
}
