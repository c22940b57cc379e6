//! `counterflow migrate`: brings databases up to date, or says what is missing.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use runtime::{
    bookkeeping,
    store::{Migration, MigrationError, Store},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    config::{self, Config},
    context::Context,
    exit::End,
    groups::GroupName,
    output,
    wiring::open_store,
};

const EXAMPLE: &str = "\
Example:
  counterflow migrate --set database.url=postgres://shop:secret@localhost/shop --wait 60s
  counterflow migrate --check --group payment";

/// Between two tries to reach a database.
const RETRY: Duration = Duration::from_millis(500);

/// Creates and updates the tables of the groups and of the runtime
///
/// Migrations expand first: builds that run go on while the next one's tables are made. Several of
/// these may run at once. With --check nothing is changed, and the exit code is 1 when any is
/// pending.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// Only this group; may be repeated
    #[arg(long, value_enum)]
    group: Vec<GroupName>,
    /// Change nothing; list what is pending
    #[arg(long)]
    check: bool,
    /// How long a database that is away is waited for
    #[arg(long, default_value = "30s", value_parser = config::parse_duration)]
    wait: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was found or done in one database.
#[derive(Debug, Serialize)]
struct Outcome {
    group: &'static str,
    applied: Vec<String>,
    pending: Vec<String>,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let config = context.start_once(&[])?;
    let groups = match asked.group.as_slice() {
        [] => GroupName::ALL.to_vec(),
        some => some.to_vec(),
    };
    let deadline = Instant::now() + asked.wait;
    let mut outcomes = Vec::new();
    for group in groups {
        let outcome = migrate(&config, group, asked.check, deadline).await;
        let outcome = outcome.with_context(|| format!("migrate {}", group.as_str()))?;
        if !asked.json {
            output::text(&as_text(&outcome))?;
        }
        outcomes.push(outcome);
    }
    if asked.json {
        output::json(&outcomes)?;
    }
    match outcomes.iter().all(|outcome| outcome.pending.is_empty()) {
        true => Ok(End::Done),
        false => Ok(End::No),
    }
}

async fn migrate(
    config: &Config,
    group: GroupName,
    is_check: bool,
    deadline: Instant,
) -> anyhow::Result<Outcome> {
    let store = open_store(config, group.as_str())?;
    let pending = patiently(deadline, || pending(&store, group)).await?;
    let mut outcome = Outcome {
        group: group.as_str(),
        applied: Vec::new(),
        pending,
    };
    if !is_check && !outcome.pending.is_empty() {
        patiently(deadline, || apply(&store, group)).await?;
        outcome.applied = std::mem::take(&mut outcome.pending);
    }
    Ok(outcome)
}

fn components(group: GroupName) -> [(&'static str, &'static [Migration]); 2] {
    [
        (bookkeeping::COMPONENT, bookkeeping::MIGRATIONS),
        (group.as_str(), group.migrations()),
    ]
}

async fn pending(store: &Arc<dyn Store>, group: GroupName) -> Result<Vec<String>, MigrationError> {
    let mut names = Vec::new();
    for (component, migrations) in components(group) {
        let pending = store.pending(component, migrations).await?;
        names
            .extend((pending.iter()).map(|one| format!("{component} {} {}", one.number, one.name)));
    }
    Ok(names)
}

async fn apply(store: &Arc<dyn Store>, group: GroupName) -> Result<(), MigrationError> {
    for (component, migrations) in components(group) {
        store.migrate(component, migrations).await?;
    }
    Ok(())
}

/// Tries again while the database is away, until the deadline.
async fn patiently<T, F: Future<Output = Result<T, MigrationError>>>(
    deadline: Instant,
    attempt: impl Fn() -> F,
) -> Result<T, MigrationError> {
    loop {
        match attempt().await {
            Err(error) if error.is_transient() && Instant::now() + RETRY < deadline => {
                tracing::warn!(%error, "waiting for the database");
                tokio::time::sleep(RETRY).await;
            }
            ended => return ended,
        }
    }
}

fn as_text(outcome: &Outcome) -> String {
    let group = outcome.group;
    let lines = |word: &str, names: &[String]| -> String {
        (names.iter())
            .map(|name| format!("{group}: {word} {name}\n"))
            .collect()
    };
    match (outcome.applied.as_slice(), outcome.pending.as_slice()) {
        ([], []) => format!("{group}: up to date\n"),
        (applied, pending) => lines("applied", applied) + &lines("pending", pending),
    }
}
