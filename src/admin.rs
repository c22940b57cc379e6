//! The listener for probes and metrics: up before the service starts, down after it has ended, so
//! that whoever watches can tell waiting from dead.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::Context;
use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A running admin listener; it ends when it is dropped.
///
/// It has a thread of its own: whatever holds the others up, this one can say so.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl AdminServer {
    /// Listens and serves.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(listen: SocketAddr, router: Router) -> anyhow::Result<Self> {
        let listener = bind("admin.listen", listen).await?;
        let address = listener.local_addr().context("read the admin address")?;
        let listener = listener
            .into_std()
            .context("hand the admin listener over")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the admin thread")?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serve = async move {
            let served = async { axum::serve(TcpListener::from_std(listener)?, router).await };
            tokio::select! {
                Err(error) = served => tracing::error!(%error, "the admin listener ended"),
                () = stopped.cancelled() => {}
            }
        };
        let thread = thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(serve))
            .context("start the admin thread")?;
        tracing::info!(%address, "probes and metrics");
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Nothing in it blocks: what it serves are looks at what others have written down.
            drop(thread.join());
        }
    }
}

/// Binds a configured address; the error names the setting.
///
/// # Errors
/// When the address is taken or not this machine's.
pub async fn bind(key: &str, listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(listen).await;
    listener.with_context(|| format!("listen on {listen} ({key})"))
}

/// Probes of a process that has no more to tell than that it runs, and whether it is stopping.
pub fn plain_probes(is_stopping: Arc<AtomicBool>) -> Router {
    let ready = move || {
        std::future::ready(match is_stopping.load(Ordering::Relaxed) {
            false => (StatusCode::OK, "ready\n"),
            true => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        })
    };
    Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(ready))
}
