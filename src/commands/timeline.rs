//! `counterflow timeline`: runs a member of the timeline group: shows every fact of every purchase.

use clap::Args;
use runtime::NoTasks;
use timeline::Timeline;

use crate::{context::Context, exit::End, member};

const EXAMPLE: &str = "\
Example:
  COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
  counterflow timeline --set admin.listen=127.0.0.1:9105";

/// Runs a member of the timeline group: shows every fact of every purchase
///
/// Reads every topic that is keyed by purchase; the storefront and `explain` read its tables.
/// Waits for its database and its tables, and is stopped by SIGTERM or SIGINT.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(member::REQUIRED)?;
    member::run(&config, Timeline::new, NoTasks, member::no_view).await
}
