//! `counterflow audit`: from topics and databases alone, whether anything was lost, doubled or
//! invented; once, or for as long as the pipeline runs.

mod ended;
mod follow;
mod live;
mod metrics;

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
Exits 0 when every promise holds, 1 when one is broken, 2 when it could not look. With --follow it
looks again and again until SIGTERM or SIGINT. Then 1 when anything was ever broken that cannot heal,
or is left unexplained for longer than --grace; 2 when the last round could not look, or none was
over; 3 when nothing is broken and something was not explained yet; 0 when everything was.

Example:
  counterflow audit
  counterflow audit --grace 30s --provider-journal sandbox/ --intents run.journal --json
  counterflow audit --follow --scratch /var/tmp --set admin.listen=0.0.0.0:9090";

/// Proves that nothing was lost, nothing doubled and nothing invented, or names what was
///
/// Reads all topics and the databases of all groups, and nothing else; with further witnesses also
/// the provider's own journal and that of whoever published. Changes nothing. While the pipeline
/// runs, what is under way counts as open for as long as --grace says; --follow says after every
/// round which purchase has waited longest, and for what.
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
    ///
    /// Without it 0s; with --follow deadlines.answers and deadlines.reservation together (30
    /// minutes): by then dispatch waits for nobody in the shop any more, and what was reserved in
    /// the last moment has lapsed. What is younger has an age, and is no breach.
    #[arg(long, value_parser = duration)]
    grace: Option<Duration>,
    /// Look again and again while the pipeline runs, until told to stop
    ///
    /// One line for every round, on a terminal one that is rewritten; breaches as they are found.
    /// What is away (Kafka, a database) is waited for. Metrics on admin.listen where that is set.
    #[arg(long)]
    follow: bool,
    /// Between two rounds
    ///
    /// Without it 5s, or three times as long as the round took where that is longer: snapshots of
    /// the databases are open for at most a quarter of the time then.
    #[arg(long, value_parser = duration, requires = "follow")]
    every: Option<Duration>,
    /// The folder for its files, instead of TMPDIR
    ///
    /// 5 kB for each purchase while it looks; with --follow 4 kB more, for as long as it runs. Of a
    /// /tmp that is held in memory they take the memory.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print the report as JSON; with --follow an object on a line for every round
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let config = context.start_once(&["kafka.bootstrap_servers"])?;
    if asked.follow {
        return follow::run(context, &config, asked).await;
    }
    let inputs = inputs(&config, asked, Duration::ZERO).await?;
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

/// What is looked at; `grace` where none is asked for.
async fn inputs(config: &Config, asked: &Arguments, grace: Duration) -> anyhow::Result<Inputs> {
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
        grace: asked.grace.unwrap_or(grace),
        scratch: asked.scratch.clone(),
        journal_retention: of_members.journal_retention,
        now: now(),
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

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
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
