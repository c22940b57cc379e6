//! One running member of a group: probes first, then the service, and the probes last.

use std::sync::Arc;

use axum::Router;
use codec::Codec;
use prometheus::Registry;
use runtime::{Group, Service, Worker, probes, store::Store};

use crate::{
    admin::AdminServer,
    config::Config,
    exit::End,
    shutdown,
    wiring::{member_config, open_codec, open_store},
};

/// What a group needs at least.
pub(crate) const REQUIRED: &[&str] = &["kafka.bootstrap_servers"];

/// Runs a member until it is told to stop. `group` is given the codec, `view` the database: what
/// the group shows over HTTP besides probes and metrics.
pub(crate) async fn run<G: Group, W: Worker>(
    config: &Config,
    group: impl FnOnce(Arc<Codec>) -> G,
    worker: W,
    view: impl FnOnce(Arc<dyn Store>) -> Router,
) -> anyhow::Result<End> {
    let stop = shutdown::on_signals()?;
    let store = open_store(config, G::NAME)?;
    let registry = Registry::new();
    let codec = tokio::select! {
        codec = open_codec(config, &registry) => codec?,
        () = stop.cancelled() => return Ok(End::Done),
    };
    let member = member_config(config, G::NAME);
    tracing::info!(group = G::NAME, member = member.member, "starting");
    let service = Service::new(group(codec), worker, Arc::clone(&store), member)
        .with_registry(registry.clone());
    let stall_max = config.consumer.stall_timeout;
    let router = probes::router(service.status(), registry, service.resumed(), stall_max);
    let admin = AdminServer::start(config.admin.listen, router.merge(view(store))).await?;
    let ended = service.run(stop.cancelled_owned()).await;
    tracing::info!(group = G::NAME, "ended");
    // Last, so that whoever watches sees the end.
    drop(admin);
    ended?;
    Ok(End::Done)
}

/// The view of a group that shows nothing.
pub(crate) fn no_view(_: Arc<dyn Store>) -> Router {
    Router::new()
}
