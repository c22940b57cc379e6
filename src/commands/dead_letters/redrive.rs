//! `counterflow dead-letters redrive`: gives what was set aside to its group again.
//!
//! A redrive is a mark in the group's database; the owner of the shard picks it up, so it happens
//! once, and in that group only. A record is applied in a batch like any other input. An answer has
//! no record: its task waits again, and the other side is asked once more under the same key. What
//! comes back too often is left for a person.

use std::{collections::BTreeSet, time::Duration};

use clap::Args;
use runtime::{
    rows::Row,
    store::{Cells, Mode, Statement, Store, StoreError},
};
use serde_json::json;

use super::{
    list::as_json,
    redriven::{self, Became},
    select::{Filters, Letter, Order},
};
use crate::{
    config,
    exit::{End, Misuse},
    groups::GroupName,
    output, progress, rows,
};

const EXAMPLE: &str = "\
Example:
  counterflow dead-letters redrive payment --reason unknown_schema
  counterflow dead-letters redrive payment --reason unknown_schema --yes --rate 50 --wait 1m
  counterflow dead-letters redrive payment 'shop.purchases.v1[3]@1841' --yes
  counterflow dead-letters redrive payment --reason provider_mismatch --yes";

/// More are taken by calling it again, so that memory stays bounded.
const LETTERS_MAX: i64 = 10_000;
/// Gives dead letters to their group again; without --yes only says which
///
/// Takes those with the ids, or those that every filter fits, 10 000 at a time. An answer that was
/// set aside is asked for again: its task is performed once more. A letter that was
/// redriven consumer.redrives_max times and came back each time is left alone. Exits 1 when an id
/// names nothing that is set aside, and with --wait when any came back, was left alone or was not taken in time.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// The group
    #[arg(value_enum)]
    pub(super) group: GroupName,
    /// The ids, as listed
    #[arg(conflicts_with_all = ["reason", "topic", "key", "since", "all"])]
    ids: Vec<String>,
    #[command(flatten)]
    filters: Filters,
    /// Every dead letter of the group
    #[arg(long)]
    all: bool,
    /// Do it
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say which; so without --yes
    #[arg(long)]
    dry_run: bool,
    /// At most so many per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Wait so long for the group to take them, and say what became of them
    #[arg(long, value_parser = config::parse_duration)]
    wait: Option<Duration>,
}

/// What was chosen, and what of it can be done.
#[derive(Debug, Default)]
struct Choice {
    /// To be tried again.
    take: Vec<Letter>,
    /// Came back too often.
    looped: Vec<Letter>,
    /// Named, and not set aside: unknown, or redriven already.
    absent: Vec<String>,
}

pub(super) async fn run(
    store: &dyn Store,
    asked: &Arguments,
    now: i64,
    redrives_max: i64,
    is_json: bool,
) -> anyhow::Result<End> {
    if asked.ids.is_empty() && asked.filters.is_open() && !asked.all {
        let why = "redrive: name ids, give a filter, or say --all";
        return Err(Misuse(why.to_owned()).into());
    }
    let mut choice = choose(chosen(store, asked, now).await?, redrives_max);
    choice.absent = absent(&asked.ids, &choice);
    let marked = match asked.yes {
        true => mark(store, &choice.take, asked.rate).await?,
        false => 0,
    };
    let became = match asked.wait {
        Some(wait) if asked.yes => Some(redriven::wait_for(store, &choice.take, wait).await?),
        _ => None,
    };
    if is_json {
        let all = |letters: &[Letter]| letters.iter().map(as_json).collect::<Vec<_>>();
        output::json(&json!({
            "dry_run": !asked.yes,
            "chosen": all(&choice.take),
            "left_after_too_many_redrives": all(&choice.looped),
            "not_set_aside": choice.absent,
            "marked": marked,
            "became": became,
        }))?;
    } else {
        output::text(&as_text(asked, &choice, marked, redrives_max))?;
        if let Some(Became {
            applied,
            came_back,
            waiting,
        }) = &became
        {
            output::line(format!(
                "{applied} applied, {came_back} came back, {waiting} waiting"
            ))?;
        }
    }
    let is_applied =
        became.is_none_or(|became| became.came_back + became.waiting + choice.looped.len() == 0);
    match is_applied && choice.absent.is_empty() {
        true => Ok(End::Done),
        false => Ok(End::No),
    }
}

async fn chosen(store: &dyn Store, asked: &Arguments, now: i64) -> Result<Vec<Letter>, StoreError> {
    if !asked.ids.is_empty() {
        let mut found = by_id(store, &asked.ids).await?;
        found.retain(|letter| letter.state == "set_aside");
        return Ok(found);
    }
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let in_order = (Order::OfRecords, LETTERS_MAX);
    let found = asked
        .filters
        .select(snapshot.as_mut(), now, Some("set_aside"), in_order)
        .await?;
    snapshot.commit().await?;
    Ok(found)
}

pub(super) async fn by_id(store: &dyn Store, ids: &[String]) -> Result<Vec<Letter>, StoreError> {
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let ids = vec![Cells::texts(ids.iter().cloned())];
    let found = rows::query(snapshot.as_mut(), &Letter::TABLE.select(), ids).await?;
    snapshot.commit().await?;
    Ok(found)
}

fn choose(letters: Vec<Letter>, redrives_max: i64) -> Choice {
    let mut choice = Choice::default();
    for letter in letters {
        if letter.redrives >= redrives_max {
            choice.looped.push(letter);
        } else {
            choice.take.push(letter);
        }
    }
    choice
}

/// Which of the ids name nothing that is set aside.
fn absent(ids: &[String], choice: &Choice) -> Vec<String> {
    let found: BTreeSet<&String> = (choice.take.iter().chain(&choice.looped))
        .map(|letter| &letter.dead_letter_id)
        .collect();
    let absent = ids.iter().filter(|id| !found.contains(id));
    absent.cloned().collect()
}

/// Marks them, at most `rate` per second, a statement per second. A letter whose state has changed
/// meanwhile is left to whoever changed it.
async fn mark(store: &dyn Store, letters: &[Letter], rate: u32) -> Result<u64, StoreError> {
    let statement = Statement::new(
        "UPDATE dead_letters SET state = 'redrive' \
         WHERE dead_letter_id = ANY($1::text[]) AND state = 'set_aside'",
        "UPDATE dead_letters SET state = 'redrive' \
         WHERE dead_letter_id = ?1 AND state = 'set_aside'",
    );
    let bar = progress::bar(letters.len() as u64, "redriving");
    let mut marked = 0;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for some in letters.chunks(usize::try_from(rate).unwrap_or(usize::MAX)) {
        second.tick().await;
        let ids = Cells::texts(some.iter().map(|letter| letter.dead_letter_id.clone()));
        let mut transaction = store.begin(Mode::Write).await?;
        marked += transaction.execute(&statement, vec![ids]).await?;
        transaction.commit().await?;
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    Ok(marked)
}

fn as_text(asked: &Arguments, choice: &Choice, marked: u64, redrives_max: i64) -> String {
    let mut text = String::new();
    if asked.yes {
        text.push_str(&format!("{marked} marked; the shards' owners take them\n"));
    } else {
        let line = |letter: &Letter| {
            let (id, reason) = (letter.dead_letter_id.clone(), letter.reason.clone());
            vec![id, letter.key_text(), reason]
        };
        let rows: Vec<Vec<String>> = choice.take.iter().map(line).collect();
        text.push_str(&output::columns(&rows));
        let count = choice.take.len();
        text.push_str(&format!("{count} would be redriven; --yes does it\n"));
    }
    if !choice.absent.is_empty() {
        let absent = choice.absent.join(", ");
        text.push_str(&format!("not set aside, or not known: {absent}\n"));
    }
    if !choice.looped.is_empty() {
        let count = choice.looped.len();
        text.push_str(&format!(
            "{count} left: redriven {redrives_max} times (consumer.redrives_max) and came back\n"
        ));
    }
    text
}
