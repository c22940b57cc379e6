//! The listener for probes and metrics: up before the service starts, down after it has ended, so
//! that whoever watches can tell waiting from dead.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use axum::{Router, http::StatusCode, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};

/// A running admin listener; it ends when it is dropped.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl AdminServer {
    /// Listens and serves.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(listen: SocketAddr, router: Router) -> anyhow::Result<Self> {
        let listener = bind("admin.listen", listen).await?;
        let address = listener.local_addr().context("read the admin address")?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the admin listener ended");
            }
        });
        tracing::info!(%address, "probes and metrics");
        Ok(Self { address, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.server.abort();
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
