//! `counterflow analytics`: runs a member of the analytics group: counts in windows of event time.

use analytics::{Analytics, Reader, Windows, router};
use clap::Args;
use runtime::NoTasks;

use crate::{context::Context, exit::End, member};

const EXAMPLE: &str = "\
Example:
  COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
  counterflow analytics --set admin.listen=127.0.0.1:9104 &
  curl 'http://127.0.0.1:9104/analytics/windows?size=hour'";

/// Runs a member of the analytics group: counts in windows of event time
///
/// Reads every topic. Its HTTP view (/analytics/...) is served on admin.listen.
/// Waits for its database and its tables, and is stopped by SIGTERM or SIGINT.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(member::REQUIRED)?;
    let windows = Windows::default();
    let group = |codec| Analytics::new(codec, windows);
    let view = |store| router(Reader::new(store, windows));
    member::run(&config, group, NoTasks, view).await
}
