//! `counterflow dispatch`: runs a member of the dispatch group: joins the answers, ships and cancels.

use anyhow::Context as _;
use clap::Args;
use dispatch::{CarrierWorker, DispatchGroup};

use crate::{
    context::Context,
    exit::End,
    member,
    wiring::{carrier_config, dispatch_deadlines},
};

const REQUIRED: &[&str] = &["kafka.bootstrap_servers", "carrier.url"];

const EXAMPLE: &str = "\
Example:
  COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
  COUNTERFLOW__CARRIER__URL=http://localhost:12111 \\
  counterflow dispatch --set admin.listen=127.0.0.1:9103";

/// Runs a member of the dispatch group: joins the answers, ships and cancels
///
/// Reads purchases, payments and reservations; asks the carrier; owns the deadlines.
/// Waits for its database and its tables, and is stopped by SIGTERM or SIGINT.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(REQUIRED)?;
    let worker = CarrierWorker::new(&carrier_config(&config)).context("reach the carrier")?;
    let deadlines = dispatch_deadlines(&config);
    let group = |codec| DispatchGroup::new(codec, deadlines);
    member::run(&config, group, worker, member::no_view).await
}
