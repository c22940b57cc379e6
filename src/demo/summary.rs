//! The end of the demo: what was bought by version, what became of it, and the audit's verdict.

use std::time::Instant;

use anyhow::{Context, Result};
use runtime::store::{Cells, Kind, Mode, Statement};

use crate::exit::End;

use super::{children::Children, numbers::Numbers, show::Show, world::World};

const BY_OUTCOME: &str = "SELECT COALESCE(written_version, 0), status, COUNT(*) FROM purchases \
                          GROUP BY 1, 2 ORDER BY 1, 3 DESC";
const DEAD_LETTERS: &str =
    "SELECT reason, COUNT(*) FROM dead_letters GROUP BY reason ORDER BY 2 DESC";

/// Prints the summary and runs the audit; its exit code is the demo's.
pub(super) async fn print(
    world: &World,
    report: &simulator::Report,
    children: &Children,
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
    text.push_str("\nDead letters of payment by reason\n");
    for (reason, count) in dead_letters(world).await? {
        text.push_str(&format!("  {reason:<26} {count:>9}\n"));
    }
    let seconds = started.elapsed().as_secs_f64();
    let events: i64 = Numbers::read(world)
        .await?
        .groups
        .values()
        .map(|one| one.applied)
        .sum();
    text.push_str(&format!(
        "\n{} actions of the shops, {events} events applied by five groups in {seconds:.1} s, \
         {} processes killed\n",
        report.actions,
        children.kills(),
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

async fn dead_letters(world: &World) -> Result<Vec<(String, i64)>> {
    let mut transaction = world.store("payment").begin(Mode::Snapshot).await?;
    let statement = Statement::new(DEAD_LETTERS, DEAD_LETTERS);
    let columns = transaction
        .query(&statement, vec![], &[Kind::Text, Kind::Long])
        .await?;
    transaction.commit().await?;
    let [Cells::Text(reasons), Cells::Long(counts)] = columns.as_slice() else {
        anyhow::bail!("the dead letters do not have the expected columns");
    };
    Ok(reasons
        .iter()
        .zip(counts)
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
