//! Sockets, and the order of starting and stopping.
//!
//! Told to stop, the storefront turns unready, accepts no more connections, finishes the requests
//! under way, and returns; the publisher, which is shared, is the caller's to close after it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use client::Publisher;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus::Registry;
use schemas::Encoder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::edge::{self, Gate};
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::read_model::ReadModel;
use crate::submit::Shop;
use crate::{admin, import, purchases};

/// What a storefront is made of.
pub struct Storefront {
    /// Its settings.
    pub config: Config,
    /// Writes the events.
    pub encoder: Encoder,
    /// Makes them durable.
    pub publisher: Arc<Publisher>,
    /// Knows what became of them.
    pub read_model: Arc<dyn ReadModel>,
    /// Where metrics are registered and read.
    pub registry: Registry,
}

/// Where it listens.
pub struct Listeners {
    /// For customers.
    pub public: TcpListener,
    /// For probes and metrics; never reachable by customers.
    pub admin: Option<TcpListener>,
}

/// Serves until `shutdown` is ready, then finishes what is under way.
pub async fn run(
    storefront: Storefront,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let write_version = &storefront.config.write_version;
    let metrics =
        Metrics::register(&storefront.registry, write_version).map_err(io::Error::other)?;
    let is_stopping = Arc::new(AtomicBool::new(false));
    let admin_server = listeners.admin.map(|listener| {
        let router = admin::router(
            storefront.registry.clone(),
            Arc::clone(&storefront.publisher),
            Arc::clone(write_version),
            Arc::clone(&is_stopping),
        );
        tokio::spawn(async move { axum::serve(listener, router).await })
    });
    let config = storefront.config.clone();
    let router = router(storefront, metrics);
    serve(&config, router, listeners.public, shutdown, &is_stopping).await;
    // Last, so that probes and metrics see the end.
    if let Some(server) = admin_server {
        server.abort();
    }
    Ok(())
}

fn router(storefront: Storefront, metrics: Metrics) -> Router {
    let config = &storefront.config;
    let writes = Gate {
        kind: "write",
        places: Arc::new(Semaphore::new(config.writes_max)),
        patience: config.request_timeout,
        metrics: metrics.clone(),
    };
    let reads = Gate {
        kind: "read",
        places: Arc::new(Semaphore::new(config.reads_max)),
        patience: config.request_timeout + config.wait_max,
        metrics: metrics.clone(),
    };
    let body_limit = DefaultBodyLimit::max(config.body_bytes_max);
    let write = |route: MethodRouter<Arc<Shop>>| {
        route.route_layer(from_fn_with_state(writes.clone(), edge::admit))
    };
    let read = |route: MethodRouter<Arc<Shop>>| {
        route.route_layer(from_fn_with_state(reads.clone(), edge::admit))
    };
    let shop = Arc::new(Shop {
        config: storefront.config,
        encoder: storefront.encoder,
        publisher: storefront.publisher,
        read_model: storefront.read_model,
        metrics: metrics.clone(),
    });
    Router::new()
        .route("/v1/purchases", write(post(purchases::submit)))
        .route("/v1/purchases/{id}", read(get(purchases::show)))
        .route(
            "/v1/purchases/{id}/timeline",
            read(get(purchases::timeline)),
        )
        .route("/v1/purchases/{id}/cancel", write(post(purchases::cancel)))
        .route("/v1/import", write(post(import::submit)))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "see the Allow header")
        })
        .fallback(async || Problem::new(Code::NoSuchAddress, "there is no such address"))
        .with_state(shop)
        .layer(body_limit)
        .layer(from_fn(edge::catch_panics))
        .layer(from_fn_with_state(metrics, edge::observe))
}

async fn serve(
    config: &Config,
    router: Router,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
    is_stopping: &AtomicBool,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(64 << 10);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(config.connections_max));
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, stream) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    is_stopping.store(true, Ordering::Relaxed);
    drop(listener);
    let drained = tokio::time::timeout(config.drain_timeout, graceful.shutdown()).await;
    if drained.is_err() {
        tracing::warn!("requests were still under way at the end of the drain time");
    }
}

/// The next connection. Running out of descriptors is waited out, not spun on.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "set nodelay");
                }
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}
