//! `counterflow positions move`: the operator's word on where a halted partition goes on.
//!
//! Only a halted partition can be moved, and only once per halt: the decision is part of the halt's
//! account. Where the first record is, is found out by the owner when it follows, so that retention
//! cannot pass the decision; the end is the end at the time of the decision, so that nothing that
//! comes later is left out.

use std::time::Duration;

use clap::Args;
use runtime::{
    bookkeeping::halts::{Halt, Present},
    kafka::scan::Scanner,
    rows::Row,
    store::{Cell, Cells, Kind, Mode, Statement, Store, StoreError},
};
use serde_json::json;
use tokio::time::Instant;

use super::halt_as_json;
use crate::{
    config::{self, Config},
    exit::{End, Misuse},
    groups::GroupName,
    output, rows,
};

const EXAMPLE: &str = "\
Example:
  counterflow positions move payment --topic shop.purchases.v1 --partition 3 --to earliest \\
    --reason 'retention passed the outage of 2 May; refunds are arranged'
  counterflow positions move payment --topic shop.purchases.v1 --partition 3 --to 1841 \\
    --reason 'the topic was restored from the mirror' --yes --wait 30s";

/// Between two looks at whether the owner has followed.
const LOOK: Duration = Duration::from_millis(250);

/// Says where a halted partition goes on; without --yes only says what that would skip
///
/// The owner of the shard follows within seconds, without a restart, or when it starts. What is
/// skipped stays in the account with name and reason, and the audit names it. Exits 1 when the
/// partition has not halted, is decided about already, or, with --wait, was not followed in time.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// The group
    #[arg(value_enum)]
    pub(super) group: GroupName,
    /// The topic
    #[arg(long)]
    topic: String,
    /// The partition
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: i32,
    /// Where to go on: earliest (the first record that there is), latest (behind the last that
    /// there is now), or an offset
    #[arg(long, value_parser = target)]
    to: Target,
    /// Why, for whoever reads the account
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Who decides; $USER without
    #[arg(long)]
    by: Option<String>,
    /// Do it
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say what it would do; so without --yes
    #[arg(long)]
    dry_run: bool,
    /// Wait so long for the owner to follow
    #[arg(long, value_parser = config::parse_duration)]
    wait: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Earliest,
    Latest,
    Offset(i64),
}

fn target(text: &str) -> Result<Target, String> {
    match text {
        "earliest" => Ok(Target::Earliest),
        "latest" => Ok(Target::Latest),
        offset => match offset.parse() {
            Ok(offset) if offset >= 0 => Ok(Target::Offset(offset)),
            _ => Err("expected earliest, latest or an offset".to_owned()),
        },
    }
}

pub(super) async fn run(
    config: &Config,
    store: &dyn Store,
    asked: &Arguments,
    user: Option<&str>,
    now: i64,
    is_json: bool,
) -> anyhow::Result<End> {
    let Some(by) = asked.by.as_deref().or(user).filter(|by| !by.is_empty()) else {
        return Err(Misuse("move: say who decides: --by NAME".to_owned()).into());
    };
    let Some(halt) = open_halt(store, asked).await? else {
        output::line("it has not halted: there is nothing to decide")?;
        return Ok(End::No);
    };
    if halt.state == "asked" {
        let by = halt.moved_by.as_deref().unwrap_or_default();
        output::line(format!("{by} has decided; the owner has not followed yet"))?;
        return Ok(End::No);
    }
    let present = present(config, &halt).await?;
    let to = resolve(asked.to, &present)?;
    let leads = halt.leads_to(to, &present);
    let mut followed = None;
    if asked.yes {
        if !mark(store, &halt, to, by, &asked.reason, now).await? {
            output::line("somebody else has decided meanwhile")?;
            return Ok(End::No);
        }
        if let Some(wait) = asked.wait {
            followed = wait_for(store, &halt, wait).await?;
        }
    }
    let in_time = !asked.yes || asked.wait.is_none() || followed.is_some();
    if is_json {
        output::json(&json!({
            "dry_run": !asked.yes,
            "halt": halt_as_json(followed.as_ref().unwrap_or(&halt)),
            "to": leads.to,
            "skips": { "from": leads.skipped.start, "to": leads.skipped.end },
            "begins_anew": leads.begins_anew,
            "present": { "first": present.first, "end": present.end, "topic_id": present.topic_id },
            "followed": followed.is_some(),
        }))?;
    } else {
        let (topic, partition) = (&asked.topic, asked.partition);
        let skipped = leads.skipped.end - leads.skipped.start;
        let mut text = format!(
            "{topic}[{partition}] halted: {halt}\nnow it holds {} to before {}\n\
             to {}: {skipped} offsets skipped ({} to before {})\n",
            present.first, present.end, leads.to, leads.skipped.start, leads.skipped.end
        );
        text.push_str(match (asked.yes, &followed, in_time) {
            (false, ..) => "--yes does it\n",
            (true, Some(_), _) => "the owner has followed\n",
            (true, None, true) => "decided; the owner follows\n",
            (true, None, false) => "decided; no owner has followed yet\n",
        });
        output::text(&text)?;
    }
    Ok(if in_time { End::Done } else { End::No })
}

/// None stands for the first record, wherever that will be.
fn resolve(to: Target, present: &Present) -> Result<Option<i64>, Misuse> {
    let (first, end) = (present.first, present.end);
    match to {
        Target::Earliest => Ok(None),
        Target::Latest => Ok(Some(end)),
        Target::Offset(offset) if (first..=end).contains(&offset) => Ok(Some(offset)),
        Target::Offset(offset) => Err(Misuse(format!(
            "move: {offset} is not within {first} to {end}"
        ))),
    }
}

async fn open_halt(store: &dyn Store, asked: &Arguments) -> Result<Option<Halt>, StoreError> {
    let halts: Vec<Halt> = rows::of_lead(store, &asked.topic).await?;
    let mut of_partition = halts
        .into_iter()
        .filter(|halt| halt.partition == asked.partition);
    Ok(of_partition.find(Halt::is_open))
}

/// What the topic holds now.
async fn present(config: &Config, halt: &Halt) -> anyhow::Result<Present> {
    let servers = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    let options = config.kafka.options.0.clone();
    let (topic, partition) = (halt.topic.clone(), halt.partition);
    // Only what was read under an id can turn out to be another topic.
    let with_id = halt.topic_id.is_some();
    let asked = tokio::task::spawn_blocking(move || {
        let scanner = Scanner::connect(&servers, &options)?;
        scanner.present(&topic, partition, with_id)
    });
    Ok(asked.await??)
}

async fn mark(
    store: &dyn Store,
    halt: &Halt,
    to: Option<i64>,
    by: &str,
    reason: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let set = "UPDATE halts SET state = 'asked', ";
    let statement = Statement::new(
        format!(
            "{set} move_to = ($1::bigint[])[1], moved_by = ($2::text[])[1], \
             reason = ($3::text[])[1], asked_at = ($4::bigint[])[1] \
             WHERE topic = ($5::text[])[1] AND partition = ($6::bigint[])[1] \
             AND number = ($7::bigint[])[1] AND state = 'standing'"
        ),
        format!(
            "{set} move_to = ?1, moved_by = ?2, reason = ?3, asked_at = ?4 \
             WHERE topic = ?5 AND partition = ?6 AND number = ?7 AND state = 'standing'"
        ),
    );
    let mut move_to = Cells::new(Kind::Long);
    to.push(&mut move_to);
    let parameters = vec![
        move_to,
        Cells::texts([by]),
        Cells::texts([reason]),
        Cells::longs([now]),
        Cells::texts([halt.topic.as_str()]),
        Cells::longs([i64::from(halt.partition)]),
        Cells::longs([halt.number]),
    ];
    let mut transaction = store.begin(Mode::Write).await?;
    let marked = transaction.execute(&statement, parameters).await?;
    transaction.commit().await?;
    Ok(marked == 1)
}

/// The halt once its owner has followed; none when that takes too long.
async fn wait_for(
    store: &dyn Store,
    halt: &Halt,
    wait: Duration,
) -> Result<Option<Halt>, StoreError> {
    let deadline = Instant::now() + wait;
    loop {
        let halts: Vec<Halt> = rows::of_lead(store, &halt.topic).await?;
        let mut same = halts.into_iter().filter(|one| one.key() == halt.key());
        if let Some(followed) = same.find(|one| !one.is_open()) {
            return Ok(Some(followed));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_word_or_an_offset_within_the_topic() {
        let present = Present {
            first: 8,
            end: 20,
            topic_id: None,
        };
        assert_eq!(target("earliest"), Ok(Target::Earliest));
        assert_eq!(target("12"), Ok(Target::Offset(12)));
        assert!(target("-1").is_err() && target("tomorrow").is_err());
        assert_eq!(resolve(Target::Earliest, &present).unwrap(), None);
        assert_eq!(resolve(Target::Latest, &present).unwrap(), Some(20));
        assert_eq!(resolve(Target::Offset(8), &present).unwrap(), Some(8));
        assert!(resolve(Target::Offset(7), &present).is_err());
        assert!(resolve(Target::Offset(21), &present).is_err());
    }
}
