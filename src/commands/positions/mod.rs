//! `counterflow positions`: how far a group has read, where it has halted and why, and the
//! operator's word on where a halted partition goes on.
//!
//! What is stored is what is shown. A move is a mark in the group's database, like a redrive: the
//! owner of the shard follows it, under its epoch, and what was skipped stays in the account.

mod moving;
mod show;

use clap::{Args, Subcommand};
use runtime::{
    bookkeeping::halts::Halt,
    rows::{Row, Scan},
    store::{StoreError, Transaction},
};

use crate::{context::Context, exit::End, wiring::open_store};

const EXAMPLE: &str = "\
Example:
  counterflow positions show payment --halted
  counterflow positions move payment --topic shop.purchases.v1 --partition 3 --to earliest \\
    --reason 'retention passed the outage of 2 May; refunds are arranged' --yes";

const PAGE_ROWS: u32 = 1_000;

/// Shows how far a group has read, and moves a partition that has halted
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(show::Arguments),
    Move(moving::Arguments),
}

pub(crate) async fn run(context: &Context, asked: Arguments) -> anyhow::Result<End> {
    let now = jiff::Timestamp::now().as_microsecond();
    match asked.action {
        Action::Show(what) => {
            let config = context.start_once(&[])?;
            let store = open_store(&config, what.group.as_str())?;
            show::run(store.as_ref(), &what, asked.json).await
        }
        Action::Move(what) => {
            let config = context.start_once(&["kafka.bootstrap_servers"])?;
            let store = open_store(&config, what.group.as_str())?;
            let user = context.environment.get("USER").map(String::as_str);
            moving::run(&config, store.as_ref(), &what, user, now, asked.json).await
        }
    }
}

/// All rows of a table that is small.
async fn all<R: Row>(transaction: &mut dyn Transaction) -> Result<Vec<R>, StoreError> {
    let mut scan = Scan::<R>::new(PAGE_ROWS);
    let mut rows = Vec::new();
    while let Some(page) = scan.next_page(transaction).await? {
        rows.extend(page);
    }
    Ok(rows)
}

/// A halt as JSON.
fn halt_as_json(halt: &Halt) -> serde_json::Value {
    serde_json::json!({
        "topic": halt.topic,
        "partition": halt.partition,
        "number": halt.number,
        "state": halt.state,
        "why": halt.to_string(),
        "cause": halt.cause,
        "halted_at": crate::output::time(halt.halted_at),
        "next_offset": halt.next_offset,
        "first_offset": halt.first_offset,
        "end_offset": halt.end_offset,
        "topic_id": halt.topic_id,
        "present_topic_id": halt.present_topic_id,
        "unreadable": halt.unreadable,
        "moved_by": halt.moved_by,
        "reason": halt.reason,
        "asked_at": halt.asked_at.map(crate::output::time),
        "moved_at": halt.moved_at.map(crate::output::time),
        "moved_to": halt.moved_to,
        "skipped_from": halt.skipped_from,
        "skipped_to": halt.skipped_to,
    })
}
