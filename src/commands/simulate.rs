//! `counterflow simulate`: shops that publish mixed versions, repeats, contradictions and poison.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use client::{GateRefusal, may_write};
use prometheus::Registry;
use simulator::{Mix, Plan, Report, Ways};

use crate::{
    config::{self, Config},
    context::Context,
    exit::{End, Misuse},
    output, shutdown,
    wiring::{LiveGroups, open_codec, open_publisher, publisher_config},
};

const EXAMPLE: &str = "\
Example:
  counterflow simulate --count 10000 --seed 7 --set kafka.bootstrap_servers=localhost:9092
  counterflow simulate --rate 200 --http 1 --storefront http://127.0.0.1:8080";

/// How long records that are under way may take at the end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Publishes purchases as shops do: mixed versions, repeats, declines, poison
///
/// What is published is a function of the seed. What has to come of it is in the report that is
/// printed at the end, and with --journal in a file for `counterflow audit`. Stock comes from
/// `counterflow stock receive`. Writes no version above what every live group reads, unless
/// schemas.force_write_version says so.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The same seed gives the same purchases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many actions, repeats and poison included; without it, until told to stop
    #[arg(long)]
    count: Option<u64>,
    /// Actions per second; without it, as fast as they are taken
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// How often versions 1, 2 and 3 are written, as relative weights
    #[arg(long, default_value = "60/30/10", value_parser = mix, value_name = "V1/V2/V3")]
    mix: Mix,
    /// Ordinary purchases only; the shares below can be added to it
    #[arg(long)]
    quiet: bool,
    /// The share that is published again later
    #[arg(long, value_parser = share)]
    duplicates: Option<f64>,
    /// The share that is contradicted under the same purchase id
    #[arg(long, value_parser = share)]
    conflicts: Option<f64>,
    /// The share that happened up to three days ago
    #[arg(long, value_parser = share)]
    late: Option<f64>,
    /// The share whose card is declined
    #[arg(long, value_parser = share)]
    declined: Option<f64>,
    /// The share with an item that is never in stock
    #[arg(long, value_parser = share)]
    out_of_stock: Option<f64>,
    /// The share that is cancelled afterwards
    #[arg(long, value_parser = share)]
    cancelled: Option<f64>,
    /// The share that nobody can read or act on
    #[arg(long, value_parser = share)]
    poison: Option<f64>,
    /// The share that goes through the storefront instead of straight to Kafka
    #[arg(long, value_parser = share)]
    http: Option<f64>,
    /// The storefront's address, for --http
    #[arg(long, value_name = "URL", value_parser = config::parse_address)]
    storefront: Option<String>,
    /// A file in which every intent is written down before it is acted on
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let config = context.start(&["kafka.bootstrap_servers"])?;
    let plan = plan(asked, jiff::Timestamp::now().as_microsecond());
    if plan.shares.http > 0.0 && asked.storefront.is_none() {
        let why = "--http: a share goes through the storefront; say where it is with --storefront";
        return Err(Misuse(why.to_owned()).into());
    }
    if let Some(journal) = asked.journal.as_ref().filter(|path| path.exists()) {
        let why = "exists already; a journal is of one run";
        return Err(Misuse(format!("--journal {}: {why}", journal.display())).into());
    }
    let stop = shutdown::on_signals()?;
    tokio::select! {
        allowed = ask_for_versions(&config, plan.mix) => allowed?,
        () = stop.cancelled() => return Ok(End::Done),
    }
    let codec = open_codec(&config, &Registry::new()).await?;
    let publishing = publisher_config(&config, "counterflow-simulate");
    let publisher = Arc::new(open_publisher(&publishing, &Registry::new())?);
    let ways = Ways {
        publisher: Arc::clone(&publisher),
        encoder: codec.encoder().clone(),
        storefront: asked.storefront.clone(),
        journal: asked.journal.clone(),
        shows_progress: true,
    };
    let report = simulator::run(&plan, ways, stop.cancelled_owned()).await;
    publisher.close(CLOSE_PATIENCE).await;
    let report = report.context("simulate shops")?;
    match asked.json {
        true => output::json(&report)?,
        false => output::text(&as_text(&report))?,
    }
    Ok(End::Done)
}

/// What is published is a function of the seed, so a version that is not understood is not replaced
/// by another: nothing is published.
async fn ask_for_versions(config: &Config, mix: Mix) -> anyhow::Result<()> {
    let version = highest(mix);
    if version == 1 || config.schemas.force_write_version {
        return Ok(());
    }
    let allowed = may_write(&LiveGroups::new(config), version, version).await;
    allowed.map_err(|refusal| match refusal {
        GateRefusal::ReadersBehind { .. } => Misuse(format!(
            "--mix: {refusal}; schemas.force_write_version writes it nevertheless"
        ))
        .into(),
        GateRefusal::Unknown(_) => anyhow::Error::new(refusal),
    })
}

/// The highest version that is written.
fn highest(mix: Mix) -> u8 {
    match mix {
        Mix { v3: 1.., .. } => 3,
        Mix { v2: 1.., .. } => 2,
        Mix { .. } => 1,
    }
}

fn plan(asked: &Arguments, start: i64) -> Plan {
    let mut plan = match asked.quiet {
        true => Plan::quiet(asked.seed, start),
        false => Plan::new(asked.seed, start),
    };
    plan.count = asked.count;
    plan.rate = asked.rate;
    plan.mix = asked.mix;
    let shares = &mut plan.shares;
    for (share, given) in [
        (&mut shares.duplicates, asked.duplicates),
        (&mut shares.conflicts, asked.conflicts),
        (&mut shares.late, asked.late),
        (&mut shares.declined, asked.declined),
        (&mut shares.out_of_stock, asked.out_of_stock),
        (&mut shares.cancelled, asked.cancelled),
        (&mut shares.poison, asked.poison),
        (&mut shares.http, asked.http),
    ] {
        *share = given.unwrap_or(*share);
    }
    plan
}

fn as_text(report: &Report) -> String {
    let mut rows = vec![
        vec!["actions".to_owned(), report.actions.to_string()],
        vec!["seconds".to_owned(), format!("{:.1}", report.seconds)],
        vec!["per second".to_owned(), format!("{:.0}", report.rate())],
        vec!["cancellations".to_owned(), report.cancellations.to_string()],
    ];
    for (version, count) in &report.by_version {
        rows.push(vec![format!("version {version}"), count.to_string()]);
    }
    for (what, counts) in [
        ("purchases", &report.by_kind),
        ("poison", &report.poison),
        ("outcome", &report.outcomes),
    ] {
        for (kind, count) in counts {
            rows.push(vec![format!("{what}: {kind}"), count.to_string()]);
        }
    }
    output::columns(&rows)
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1, such as 0.05".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "expected a number above 0".to_owned())
}

fn mix(text: &str) -> Result<Mix, String> {
    let weights: Result<Vec<u32>, _> = text.split('/').map(str::parse).collect();
    match weights.as_deref() {
        Ok([v1, v2, v3]) if [v1, v2, v3].into_iter().any(|weight| *weight > 0) => Ok(Mix {
            v1: *v1,
            v2: *v2,
            v3: *v3,
        }),
        _ => Err("expected three weights such as 60/30/10, not all 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        asked: Arguments,
    }

    fn planned(line: &str) -> Result<Plan, clap::Error> {
        let line = Line::try_parse_from(line.split(' '))?;
        Ok(plan(&line.asked, 0))
    }

    #[test]
    fn a_plan_is_what_was_asked_for() {
        let line = "simulate --seed 9 --count 50 --quiet --poison 0.5 --mix 1/0/2 --rate 20";
        let mut expected = Plan::quiet(9, 0);
        expected.count = Some(50);
        expected.rate = Some(20.0);
        expected.shares.poison = 0.5;
        expected.mix = Mix {
            v1: 1,
            v2: 0,
            v3: 2,
        };
        assert_eq!(planned(line).unwrap(), expected);
    }

    #[test]
    fn the_highest_version_of_a_mix_is_the_one_that_readers_need() {
        for (text, version) in [("60/30/10", 3), ("1/1/0", 2), ("5/0/0", 1), ("0/0/1", 3)] {
            assert_eq!(highest(mix(text).unwrap()), version, "{text}");
        }
    }

    #[test]
    fn without_flags_shops_are_ordinary() {
        assert_eq!(planned("simulate").unwrap(), Plan::new(1, 0));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for flag in [
            "--poison 2",
            "--mix 1/2",
            "--mix 0/0/0",
            "--rate 0",
            "--rate NaN",
        ] {
            assert!(planned(&format!("simulate {flag}")).is_err(), "{flag}");
        }
    }
}
