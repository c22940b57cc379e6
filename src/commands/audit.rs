//! `counterflow audit`: from topics and databases alone, whether anything was lost, doubled or
//! invented.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use auditor::{Inputs, Progress, Report, Stores};
use clap::Args;
use prometheus::Registry;

use crate::{
    config::Config,
    context::Context,
    exit::End,
    groups::GroupName,
    output, progress,
    wiring::{member_config, open_codec, open_store},
};

const EXAMPLE: &str = "\
Exits 0 when every promise holds, 1 when one is broken, 2 when it could not look.

Example:
  counterflow audit
  counterflow audit --grace 30s --provider-journal sandbox/ --intents run.journal --json";

/// Proves that nothing was lost, nothing doubled and nothing invented, or names what was
///
/// Reads all topics and the databases of all groups, and nothing else; with further witnesses also
/// the provider's own journal and that of whoever published. Changes nothing. While the pipeline
/// runs, what is under way counts as open for as long as --grace says.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The folder of the provider sandbox's journal, as a second witness
    #[arg(long, value_name = "DIR")]
    provider_journal: Option<PathBuf>,
    /// The file that `counterflow simulate --journal` wrote, as a witness of what was accepted
    #[arg(long, value_name = "FILE")]
    intents: Option<PathBuf>,
    /// How long a purchase may be under way before it is left unexplained: 0s, 30s, 5m
    #[arg(long, default_value = "0s", value_parser = duration)]
    grace: Duration,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let config = context.start_once(&["kafka.bootstrap_servers"])?;
    let inputs = inputs(&config, asked).await?;
    let report = look(&inputs).await?;
    match asked.json {
        true => output::json(&report)?,
        false => output::line(report.to_string())?,
    }
    Ok(match report.is_clean() {
        true => End::Done,
        false => End::No,
    })
}

async fn inputs(config: &Config, asked: &Arguments) -> anyhow::Result<Inputs> {
    let open = |group: GroupName| open_store(config, group.as_str());
    let stores = Stores {
        payment: open(GroupName::Payment)?,
        inventory: open(GroupName::Inventory)?,
        dispatch: open(GroupName::Dispatch)?,
        analytics: open(GroupName::Analytics)?,
        timeline: open(GroupName::Timeline)?,
    };
    let codec = open_codec(config, &Registry::new()).await?;
    let of_members = member_config(config, GroupName::Payment.as_str());
    Ok(Inputs {
        bootstrap_servers: of_members.bootstrap_servers,
        kafka_options: of_members.kafka_options,
        stores,
        codec: codec.as_ref().clone(),
        provider_journal: asked.provider_journal.clone(),
        intents: asked.intents.clone(),
        grace: asked.grace,
        journal_retention: of_members.journal_retention,
        now: jiff::Timestamp::now().as_microsecond(),
    })
}

async fn look(inputs: &Inputs) -> anyhow::Result<Report> {
    let started = Instant::now();
    let bar = progress::bar(0, "audit");
    let mut show = |progress: Progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.done);
        bar.set_message(format!("audit: {}", progress.step));
    };
    let report = auditor::audit(inputs, &mut show).await;
    bar.finish_and_clear();
    tracing::info!(seconds = started.elapsed().as_secs(), "audited");
    Ok(report?)
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time like 0s, 30s or 5m");
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(parsed).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_a_time_that_is_not_negative() {
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
    }
}
