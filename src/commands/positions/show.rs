//! `counterflow positions show`: how far each partition was read, and every halt there ever was.

use clap::Args;
use runtime::{
    bookkeeping::{halts::Halt, rows::Position},
    store::{Mode, Store},
};
use serde_json::json;

use super::{all, halt_as_json};
use crate::{exit::End, groups::GroupName, output};

const EXAMPLE: &str = "\
Example:
  counterflow positions show payment
  counterflow positions show payment --halted --json";

/// Shows how far a group has read, and where and why it has halted
///
/// Every halt is listed, those that were decided too: by whom, why, and what was skipped.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// The group
    #[arg(value_enum)]
    pub(super) group: GroupName,
    /// Only what stands still
    #[arg(long)]
    halted: bool,
}

pub(super) async fn run(
    store: &dyn Store,
    asked: &Arguments,
    is_json: bool,
) -> anyhow::Result<End> {
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let mut positions: Vec<Position> = all(snapshot.as_mut()).await?;
    let mut halts: Vec<Halt> = all(snapshot.as_mut()).await?;
    snapshot.commit().await?;
    if asked.halted {
        positions.retain(|position| position.halted.is_some());
        halts.retain(Halt::is_open);
    }
    if is_json {
        let positions: Vec<_> = positions.iter().map(as_json).collect();
        let halts: Vec<_> = halts.iter().map(halt_as_json).collect();
        output::json(&json!({ "positions": positions, "halts": halts }))?;
    } else {
        output::text(&as_text(&positions, &halts))?;
    }
    Ok(End::Done)
}

fn as_json(position: &Position) -> serde_json::Value {
    json!({
        "topic": position.topic,
        "partition": position.partition,
        "next_offset": position.next_offset,
        "start_offset": position.start_offset,
        "topic_id": position.topic_id,
        "applied": position.applied,
        "duplicates": position.duplicates,
        "ignored": position.ignored,
        "set_aside": position.set_aside,
        "parked": position.parked,
        "halted": position.halted,
    })
}

fn as_text(positions: &[Position], halts: &[Halt]) -> String {
    if positions.is_empty() {
        return "no such position\n".to_owned();
    }
    let head = ["topic", "partition", "next", "accounted for", "state"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(positions.iter().map(|position| {
        let state = if position.halted.is_some() {
            "halted"
        } else {
            "read"
        };
        vec![
            position.topic.clone(),
            position.partition.to_string(),
            position.next_offset.to_string(),
            position.accounted().to_string(),
            state.to_owned(),
        ]
    }));
    let mut text = output::columns(&rows);
    for halt in halts {
        text.push_str(&format!("\n{}\n", story(halt)));
    }
    text
}

fn story(halt: &Halt) -> String {
    let (topic, partition) = (&halt.topic, halt.partition);
    let mut story = format!(
        "{topic}[{partition}] halted at {}: {halt}",
        output::time(halt.halted_at)
    );
    let (by, reason) = (halt.moved_by.as_deref(), halt.reason.as_deref());
    if let (Some(by), Some(reason), Some(asked_at)) = (by, reason, halt.asked_at) {
        let at = output::time(asked_at);
        story.push_str(&format!("\n  decided by {by} at {at}: {reason}"));
    }
    let skipped = (halt.skipped_from, halt.skipped_to);
    match (halt.moved_to, skipped) {
        (Some(to), (Some(from), Some(until))) => story.push_str(&format!(
            "\n  went on at {to}; {} offsets skipped ({from} to before {until})",
            until - from
        )),
        _ if halt.state == "asked" => story.push_str("\n  the owner has not followed yet"),
        _ => story.push_str("\n  waits for `counterflow positions move`"),
    }
    story
}
