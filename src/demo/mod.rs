//! `counterflow demo`: the whole pipeline on one machine, with nothing installed.
//!
//! The parent hosts what a deployment has around the pipeline (the in-process cluster, the provider
//! sandbox, a folder of SQLite files) and starts every pipeline process as a child, so that each
//! can be killed while the rest goes on. What the demo shows is what the children do: they are the
//! very commands that a deployment runs.

mod children;
mod kills;
mod numbers;
mod show;
mod summary;
mod traffic;
mod world;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;

use crate::{exit::End, shutdown};

use self::{children::Children, kills::Kills, numbers::Numbers, show::Show, world::World};

const EXAMPLE: &str = "\
Example:
  counterflow demo
  counterflow demo --purchases 100000 --dir ./demo --keep";

/// Runs the whole pipeline on this machine, kills each of its processes, and audits the outcome
///
/// Needs nothing installed: hosts an in-process Kafka cluster, SQLite files and the provider sandbox, and starts every pipeline process as a child. Exits 0 when the audit finds nothing lost, doubled or invented.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// How many purchases the shops make.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) purchases: u64,
    /// The same seed gives the same purchases.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Leave everything running at the end, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Kill no process on the way.
    #[arg(long)]
    pub(crate) no_kills: bool,
    /// Keep the databases, logs and journals in this folder instead of a temporary one.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

/// Without any progress for so long, the demo gives up.
const STALL_MAX: Duration = Duration::from_secs(180);
/// How often numbers are read and shown.
const LOOK: Duration = Duration::from_millis(1_000);

/// Runs the demo; exits 0 when the audit found nothing lost, doubled or invented.
///
/// # Errors
/// When a part of it cannot be started or stops making progress.
pub(crate) async fn run(arguments: Arguments) -> Result<End> {
    let started = Instant::now();
    let stop = shutdown::on_signals()?;
    let mut show = Show::new(started);
    let world = World::start(&arguments).await?;
    show.line(&format!(
        "{} purchases, seed {}; in-process cluster at {}, sandbox at {}, files in {}",
        arguments.purchases,
        arguments.seed,
        world.bootstrap_servers(),
        world.sandbox_url(),
        world.folder().display(),
    ));
    let mut children = Children::start(&world).await?;
    let traffic = traffic::start(&world, &arguments).await?;
    let mut kills = Kills::planned(&children, &arguments);
    let outcome = tokio::select! {
        outcome = follow(&world, &mut children, &mut kills, traffic, &mut show) => outcome,
        () = stop.cancelled() => Err(anyhow::anyhow!("told to stop before the end: nothing is proven")),
    };
    let verdict = match outcome {
        Ok(report) => summary::print(&world, &report, &kills, &mut show, started).await,
        Err(error) if stop.is_cancelled() => Err(error),
        Err(error) => {
            for log in children.logs() {
                show.line(&format!("log: {}", log.display()));
            }
            world.keep_files();
            Err(error)
        }
    };
    if arguments.keep && verdict.is_ok() {
        show.text(&still_running(&world, &children));
        stop.cancelled().await;
    }
    children.stop().await;
    world.stop().await;
    verdict
}

/// Where everything is, for whoever wants to look at it.
fn still_running(world: &World, children: &Children) -> String {
    let mut text = format!(
        "\nStill running, until Ctrl-C\n  storefront   {}\n  provider     {}\n  kafka        {}\n",
        world.storefront_url(),
        world.sandbox_url(),
        world.bootstrap_servers(),
    );
    for (name, admin) in children.admin_addresses() {
        text.push_str(&format!("  {name:<12} http://{admin}/status\n"));
    }
    let settings = world.settings_file();
    text.push_str("\nAny command can look at it, for example\n");
    for command in COMMANDS {
        text.push_str(&format!(
            "  counterflow --config {} {command}\n",
            settings.display()
        ));
    }
    text
}

/// What can be asked of a demo that is kept running.
const COMMANDS: [&str; 2] = ["explain PURCHASE_ID", "dead-letters list payment"];

/// Follows the run until all is quiet: everything published, read, decided, asked and answered.
async fn follow(
    world: &World,
    children: &mut Children,
    kills: &mut Kills,
    traffic: traffic::Traffic,
    show: &mut Show,
) -> Result<simulator::Report> {
    let mut last = Numbers::default();
    let mut moved = Instant::now();
    let mut quiet_looks = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        children.revive(show).await?;
        let is_over = traffic.is_over();
        // What is accepted and not yet on its topic no group can lag behind.
        let of_shops = Some(traffic.spooled_bytes());
        let spooled = of_shops.zip(children.spooled_bytes().await);
        let are_spools_empty = spooled == Some((0, 0));
        let numbers = Numbers::read(world).await?;
        let share_done = numbers.share_published(traffic.wanted());
        show.table(&numbers, &numbers.progress(traffic.wanted()));
        if numbers != last || !is_over {
            moved = Instant::now();
        }
        anyhow::ensure!(
            moved.elapsed() < STALL_MAX,
            "no progress for {} s: {}",
            STALL_MAX.as_secs(),
            numbers.open_work()
        );
        kills.due(share_done, &numbers, children, show).await?;
        let is_quiet = is_over
            && are_spools_empty
            && kills.are_over()
            && numbers.is_quiet()
            && numbers == last;
        quiet_looks = if is_quiet { quiet_looks + 1 } else { 0 };
        last = numbers;
        if quiet_looks >= 3 {
            return traffic.report().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::COMMANDS;
    use crate::cli::Cli;

    #[test]
    fn what_is_named_at_the_end_of_a_demo_can_be_typed() {
        for command in COMMANDS {
            let line = format!("counterflow --config settings.toml {command}");
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
        }
    }
}
