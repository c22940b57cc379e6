//! What lies on disk and in the database, and how much there is of what nobody may pile up: read past the
//! processes, from folders and tables.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{machine::Machine, watch};
use crate::whole::{database::Database, members::GROUPS};

/// Whose all of it is, by name.
pub(super) const DISK: &str = "disk";

/// Files count by blocks of so many bytes, whatever the block size of their disk.
const BLOCK_BYTES: f64 = 512.0;

/// Where it is.
pub(super) struct Disk {
    spool: PathBuf,
    schemas: PathBuf,
    provider: PathBuf,
    /// The folder of our own processes, with their logs.
    processes: PathBuf,
    segments: PathBuf,
    database: Database,
    bootstrap: String,
}

impl Disk {
    pub(super) fn of(machine: &Machine) -> Self {
        let pipeline = &machine.pipeline;
        Self {
            spool: pipeline.file("spool"),
            schemas: pipeline.file("schemas"),
            provider: pipeline.journal(),
            processes: pipeline.file(""),
            segments: machine.kafka.data(),
            database: pipeline.database.clone(),
            bootstrap: pipeline.bootstrap.clone(),
        }
    }

    /// What is there now. What does not answer is asked again the next time.
    pub(super) fn look(&self) -> Vec<(&'static str, f64)> {
        let mut found = vec![
            ("spool", bytes_in(&self.spool)),
            ("schema cache", bytes_in(&self.schemas)),
        ];
        let number = |query: &str| {
            let number = self.database.number("payment", query).ok();
            number.map(|number| number as f64)
        };
        let wal = number("SELECT sum(size)::bigint FROM pg_ls_waldir()");
        found.extend(wal.map(|bytes| ("write-ahead log", bytes)));
        let connections = "SELECT count(*) FROM pg_stat_activity \
                           WHERE application_name LIKE 'counterflow %'";
        found.extend(number(connections).map(|count| ("connections", count)));
        let waiting = GROUPS.map(|(group, _)| {
            format!("(SELECT count(*) FROM {group}.tasks WHERE state = 'waiting')")
        });
        let waiting = format!("SELECT {}", waiting.join(" + "));
        found.extend(number(&waiting).map(|count| ("tasks waiting", count)));
        let Ok(events) = watch::events(&self.bootstrap) else {
            return found;
        };
        let per_event = |bytes: f64| bytes / events.max(1) as f64;
        let tables = number("SELECT pg_database_size(current_database())");
        found.extend(tables.map(|bytes| ("tables per event", per_event(bytes))));
        for (what, folder) in [
            ("segments per event", &self.segments),
            ("provider's journal per event", &self.provider),
        ] {
            found.push((what, per_event(bytes_in(folder))));
        }
        found.push(("logs per event", per_event(logs_in(&self.processes))));
        found
    }
}

/// The bytes of all files in a folder and those below it, as they lie on disk: Kafka's indexes are mostly
/// holes.
fn bytes_in(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.blocks() as f64 * BLOCK_BYTES,
        // Gone since it was listed.
        Err(_) => 0.0,
    });
    sizes.sum()
}

/// What our processes have written to their logs.
fn logs_in(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_log = |path: &Path| path.extension().is_some_and(|ending| ending == "log");
    let sizes = entries.filter(|entry| is_log(&entry.path()));
    sizes
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len() as f64)
        .sum()
}
