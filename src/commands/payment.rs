//! `counterflow payment`: runs a member of the payment group: holds, takes and gives back money.

use anyhow::Context as _;
use clap::Args;
use payment::{PaymentGroup, ProviderWorker};

use crate::{context::Context, exit::End, member, wiring::provider_config};

const REQUIRED: &[&str] = &["kafka.bootstrap_servers", "provider.url", "provider.key"];

const EXAMPLE: &str = "\
Example:
  COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
  COUNTERFLOW__PROVIDER__URL=http://localhost:12111 \\
  COUNTERFLOW__PROVIDER__KEY_FILE=/run/secrets/provider \\
  counterflow payment --set admin.listen=127.0.0.1:9101";

/// Runs a member of the payment group: holds, takes and gives back money
///
/// Reads purchases, reservations and shipments; asks the payment provider; keeps the ledger.
/// Waits for its database and its tables, and is stopped by SIGTERM or SIGINT.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(REQUIRED)?;
    let worker = ProviderWorker::new(&provider_config(&config)).context("reach the provider")?;
    let method = config.provider.method_on_file.clone();
    let group = |codec| PaymentGroup::new(codec, method);
    member::run(&config, group, worker, member::no_view).await
}
