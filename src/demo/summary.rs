//! The end of the demo: what was bought by version, what became of it, and the audit's verdict.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, Result};
use runtime::store::{Cells, Kind, Mode, Statement};

use crate::exit::End;

use super::{
    kills::Kills,
    numbers::Numbers,
    show::Show,
    world::{GROUPS, World},
};

const BY_OUTCOME: &str = "SELECT COALESCE(written_version, 0), status, COUNT(*) FROM purchases \
                          GROUP BY 1, 2 ORDER BY 1, 3 DESC";
const DEAD_LETTERS: &str = "SELECT reason, COUNT(*) FROM dead_letters GROUP BY reason";

/// Prints the summary and runs the audit; its exit code is the demo's.
pub(super) async fn print(
    world: &World,
    report: &simulator::Report,
    kills: &Kills,
    show: &mut Show,
    started: Instant,
) -> Result<End> {
    show.line("all quiet: everything is published, read, decided, asked and answered");
    let mut text = String::from("\nPurchases by version and outcome\n");
    for (version, status, count) in outcomes(world).await? {
        let version = if version == 0 {
            "none".to_owned()
        } else {
            format!("v{version}")
        };
        text.push_str(&format!("  {version:<5} {status:<20} {count:>9}\n"));
    }
    text.push_str(&dead_letters(world).await?);
    let seconds = started.elapsed().as_secs_f64();
    let events: i64 = Numbers::read(world)
        .await?
        .groups
        .values()
        .map(|one| one.applied)
        .sum();
    let (killed, killed_at_work) = kills.made();
    text.push_str(&format!(
        "\n{} actions of the shops, {events} events applied by five groups in {seconds:.1} s; \
         {killed} processes killed, {killed_at_work} of them with purchases on their way\n",
        report.actions,
    ));
    show.text(&text);
    audit(world, show).await
}

async fn outcomes(world: &World) -> Result<Vec<(i64, String, i64)>> {
    let mut transaction = world.store("timeline").begin(Mode::Snapshot).await?;
    let statement = Statement::new(BY_OUTCOME, BY_OUTCOME);
    let kinds = [Kind::Long, Kind::Text, Kind::Long];
    let columns = transaction.query(&statement, vec![], &kinds).await?;
    transaction.commit().await?;
    let [
        Cells::Long(versions),
        Cells::Text(statuses),
        Cells::Long(counts),
    ] = columns.as_slice()
    else {
        anyhow::bail!("the timeline's table does not have the expected columns");
    };
    let rows = versions.iter().zip(statuses).zip(counts);
    let row = |((version, status), count): ((&Option<i64>, &Option<String>), &Option<i64>)| {
        Some(((*version)?, status.clone()?, (*count)?))
    };
    Ok(rows.filter_map(row).collect())
}

/// A line for each reason, a column for each group.
async fn dead_letters(world: &World) -> Result<String> {
    let mut by_reason: BTreeMap<String, [i64; GROUPS.len()]> = BTreeMap::new();
    for (column, group) in GROUPS.into_iter().enumerate() {
        for (reason, count) in dead_letters_of(world, group).await? {
            by_reason.entry(reason).or_default()[column] = count;
        }
    }
    let columns = |cells: [String; GROUPS.len()]| cells.map(|cell| format!("{cell:>10}")).concat();
    let head = columns(GROUPS.map(str::to_owned));
    let mut text = format!("\nDead letters         {head}\n");
    for (reason, counts) in by_reason {
        let counts = columns(counts.map(|count| count.to_string()));
        text.push_str(&format!("  {reason:<20}{counts}\n"));
    }
    Ok(text)
}

async fn dead_letters_of(world: &World, group: &str) -> Result<Vec<(String, i64)>> {
    let mut transaction = world.store(group).begin(Mode::Snapshot).await?;
    let statement = Statement::new(DEAD_LETTERS, DEAD_LETTERS);
    let kinds = [Kind::Text, Kind::Long];
    let columns = transaction.query(&statement, vec![], &kinds).await?;
    transaction.commit().await?;
    let [Cells::Text(reasons), Cells::Long(counts)] = columns.as_slice() else {
        anyhow::bail!("the dead letters of {group} do not have the expected columns");
    };
    let rows = reasons.iter().zip(counts);
    Ok(rows
        .filter_map(|(why, n)| Some((why.clone()?, (*n)?)))
        .collect())
}

/// The auditor is a process of its own: it reads topics and databases and nothing else.
async fn audit(world: &World, show: &mut Show) -> Result<End> {
    show.line("auditing");
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg("audit")
        .arg("--provider-journal")
        .arg(world.provider_journal())
        .arg("--intents")
        .arg(world.intents())
        .envs(world.environment(super::world::free_address()?))
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .context("run counterflow audit")?;
    show.text(&String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        show.text(&String::from_utf8_lossy(&output.stderr));
        world.keep_files();
        show.line(&format!(
            "the files are kept in {}",
            world.folder().display()
        ));
    }
    match output.status.code() {
        Some(0) => Ok(End::Done),
        Some(1) => Ok(End::No),
        _ => anyhow::bail!("counterflow audit ended with {}", output.status),
    }
}
