//! `counterflow inventory`: runs a member of the inventory group: reserves and commits stock.

use clap::Args;
use inventory::InventoryGroup;
use runtime::NoTasks;

use crate::{context::Context, exit::End, member, wiring::inventory_deadlines};

const EXAMPLE: &str = "\
Example:
  COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
  counterflow inventory --set admin.listen=127.0.0.1:9102";

/// Runs a member of the inventory group: reserves and commits stock
///
/// Reads purchases, payments, shipments and movements of stock; reserves all lines or none.
/// Waits for its database and its tables, and is stopped by SIGTERM or SIGINT.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(member::REQUIRED)?;
    let deadlines = inventory_deadlines(&config);
    let group = |codec| InventoryGroup::new(codec, deadlines);
    member::run(&config, group, NoTasks, member::no_view).await
}
