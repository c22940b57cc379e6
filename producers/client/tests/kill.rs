//! `kill -9` in the middle of appending: whatever was acknowledged before it is drained after it.
//!
//! This program starts itself as the process that is killed, so it brings its own `main`.
#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use client::Record;
use client::spool::{Spool, SpoolConfig};

const FOLDER: &str = "SPOOL_TO_BE_KILLED";
/// How many acknowledgements are awaited before each kill.
const ROUNDS: [usize; 6] = [1, 2, 17, 60, 200, 500];
const WRITERS: usize = 8;

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        append_until_killed(Path::new(&folder));
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|argument| argument == "--list") {
        return;
    }
    what_was_acknowledged_survives_a_kill();
    what_was_drained_is_not_forgotten_by_a_kill();
}

fn config(folder: &Path) -> SpoolConfig {
    SpoolConfig {
        segment_bytes: 4_000,
        ..SpoolConfig::in_folder(folder)
    }
}

/// Appends from several tasks, each in order, and prints what is acknowledged.
fn append_until_killed(folder: &Path) -> ! {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (spool, drain, _) = Spool::open(config(folder)).unwrap();
        let spool = Arc::new(spool);
        for writer in 0..WRITERS {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move {
                for number in 0.. {
                    let sequence = spool.append(vec![record(writer, number)]).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "{sequence} {writer} {number}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
        std::future::pending::<()>().await;
        drop(drain);
    });
    unreachable!("it is killed")
}

fn record(writer: usize, number: usize) -> Record {
    Record {
        topic: "shop.purchases.v1".into(),
        key: Some(vec![writer as u8]),
        payload: Some(vec![7; number % 300]),
        headers: Vec::new(),
        event_id: format!("{writer} {number}"),
    }
}

/// Runs the other process until it has acknowledged so many, and kills it.
fn kill_after(folder: &Path, acknowledgements: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        // The last line may be cut short by the kill; it counts only when whole.
        let Ok(line) = line else { break };
        if line.split(' ').count() == 3 {
            acknowledged.push(line);
        }
        if acknowledged.len() == acknowledgements {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged.truncate(acknowledgements);
    acknowledged
}

/// Everything in the spool: sequences and event ids.
fn recovered(folder: &Path) -> Vec<(u64, String)> {
    let (spool, mut drain, recovery) = Spool::open(config(folder)).unwrap();
    assert_eq!(
        recovery.damaged_bytes, 0,
        "a kill tears, it does not damage"
    );
    let mut found = Vec::new();
    while let Some(chunk) = drain.next_chunk().unwrap() {
        found.extend(
            (chunk.entries.iter()).map(|entry| (entry.sequence, entry.record.event_id.clone())),
        );
        drain.confirm(&chunk);
    }
    assert!(spool.is_empty());
    found
}

fn what_was_acknowledged_survives_a_kill() {
    for acknowledgements in ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let acknowledged = kill_after(folder.path(), acknowledgements);
        let found = recovered(folder.path());
        for line in &acknowledged {
            let (sequence, event_id) = line.split_once(' ').unwrap();
            let wanted = (sequence.parse().unwrap(), event_id.to_owned());
            assert!(found.contains(&wanted), "lost {line}");
        }
        assert!(found.is_sorted(), "sequences rise");
        for writer in 0..WRITERS {
            let of_writer = (found.iter())
                .filter_map(|(_, id)| id.strip_prefix(&format!("{writer} ")))
                .map(|number| number.parse::<usize>().unwrap());
            let numbers: Vec<usize> = of_writer.collect();
            assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>());
        }
        eprintln!("{} acknowledged, {} found", acknowledged.len(), found.len());
    }
}

fn what_was_drained_is_not_forgotten_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    kill_after(folder.path(), 100);
    let first = recovered(folder.path());
    kill_after(folder.path(), 100);
    let second = recovered(folder.path());
    let last = first.last().unwrap().0;
    assert!(
        second.iter().all(|(sequence, _)| *sequence > last),
        "drained records came again, or a sequence was given twice"
    );
}
