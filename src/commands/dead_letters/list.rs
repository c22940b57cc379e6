//! `counterflow dead-letters list`: what was set aside, latest first, and how many by reason.

use clap::{Args, ValueEnum};
use runtime::store::{Mode, Store};
use serde_json::json;

use super::select::{Count, Filters, Letter, Order};
use crate::{exit::End, groups::GroupName, output};

const EXAMPLE: &str = "\
Example:
  counterflow dead-letters list payment --since 2h
  counterflow dead-letters list inventory --reason adjustment_below_reserved --json";

/// Lists what a group has set aside, latest first, and counts it by reason
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// The group
    #[arg(value_enum)]
    pub(super) group: GroupName,
    #[command(flatten)]
    filters: Filters,
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// At most so many; the counts are of all
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// Waits for a person
    SetAside,
    /// Is to be tried again by the shard's owner
    Redrive,
    /// Was tried again, and had its effect
    Redriven,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::SetAside => "set_aside",
            Self::Redrive => "redrive",
            Self::Redriven => "redriven",
        }
    }
}

pub(super) async fn run(
    store: &dyn Store,
    asked: &Arguments,
    now: i64,
    is_json: bool,
) -> anyhow::Result<End> {
    let state = asked.state.map(State::as_str);
    let filters = &asked.filters;
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let latest = (Order::Latest, asked.limit);
    let letters = filters
        .select(snapshot.as_mut(), now, state, latest)
        .await?;
    let counts = filters.counts(snapshot.as_mut(), now, state).await?;
    snapshot.commit().await?;
    if is_json {
        let letters: Vec<_> = letters.iter().map(as_json).collect();
        output::json(&json!({ "counts": counts, "dead_letters": letters }))?;
    } else {
        output::text(&as_text(&letters, &counts))?;
    }
    Ok(End::Done)
}

pub(super) fn as_json(letter: &Letter) -> serde_json::Value {
    json!({
        "dead_letter_id": letter.dead_letter_id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.record_offset,
        "key": letter.key_text(),
        "reason": letter.reason,
        "detail": letter.detail,
        "stage": letter.stage,
        "first_failed_at": output::time(letter.first_failed_at),
        "last_failed_at": output::time(letter.last_failed_at),
        "redrives": letter.redrives,
        "state": letter.state,
    })
}

fn as_text(letters: &[Letter], counts: &[Count]) -> String {
    if counts.is_empty() {
        return "nothing that was set aside fits\n".to_owned();
    }
    let head = [
        "last failed",
        "id",
        "key",
        "state",
        "redrives",
        "reason",
        "detail",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(letters.iter().map(|letter| {
        vec![
            output::time(letter.last_failed_at),
            letter.dead_letter_id.clone(),
            letter.key_text(),
            letter.state.clone(),
            letter.redrives.to_string(),
            letter.reason.clone(),
            letter.detail.clone(),
        ]
    }));
    let mut sums = vec![["count", "state", "reason"].map(str::to_owned).to_vec()];
    let sum = |one: &Count| vec![one.count.to_string(), one.state.clone(), one.reason.clone()];
    sums.extend(counts.iter().map(sum));
    format!("{}\n{}", output::columns(&rows), output::columns(&sums))
}
