//! `counterflow provider-sandbox`: the payment provider and the carrier, for one machine.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use clap::Args;

use crate::{
    admin::{self, AdminServer},
    config::Config,
    context::Context,
    exit::{End, Misuse},
    shutdown,
};

const EXAMPLE: &str = "\
Example:
  counterflow provider-sandbox --set http.listen=127.0.0.1:12111 \\
    --set sandbox.dir=./counterflow-data/provider";

/// Runs a payment provider and a carrier on one machine, with faults on request
///
/// It listens on http.listen and keeps a synced journal in sandbox.dir: what it has answered, it
/// still knows after a crash. With provider.key set, no other key is let in. Faults are begun with
/// (sandbox.faults, a JSON file) or given to POST /sandbox/faults while it runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(&[])?;
    let settings = settings(&config)?;
    let stop = shutdown::on_signals()?;
    let listener = admin::bind("http.listen", config.http.listen).await?;
    let is_stopping = Arc::new(AtomicBool::new(false));
    let probes = admin::plain_probes(Arc::clone(&is_stopping));
    let admin = AdminServer::start(config.admin.listen, probes).await?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "provider and carrier");
    }
    let stopping = async move {
        stop.cancelled().await;
        is_stopping.store(true, Ordering::Relaxed);
    };
    let served = sandbox::run(listener, settings, stopping).await;
    drop(admin);
    match served {
        Err(sandbox::Error::Config(mistakes)) => Err(Misuse(mistakes.join("; ")).into()),
        served => served
            .map(|()| End::Done)
            .context("serve the provider sandbox"),
    }
}

fn settings(config: &Config) -> anyhow::Result<sandbox::Config> {
    let faults = config.sandbox.faults.as_deref().map(read_faults);
    let key = config.provider.key.as_ref();
    Ok(sandbox::Config {
        faults: faults.transpose()?.unwrap_or_default(),
        api_key: key.map(|key| key.reveal().to_owned()),
        ..sandbox::Config::new(&config.sandbox.dir)
    })
}

fn read_faults(path: &Path) -> anyhow::Result<sandbox::Faults> {
    let wrong = |why: String| Misuse(format!("sandbox.faults ({}): {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()).into())
}
