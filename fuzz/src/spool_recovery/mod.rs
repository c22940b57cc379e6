//! A spool that was written and drained for a while, and then damaged: the files as a crash, a
//! failing disk or a hand leaves them. What comes out is exactly what is still whole.

mod damage;
mod files;

use std::path::Path;

use client::Record;
use client::spool::{Backlog, Drain, Entry, Recovery, Spool, SpoolConfig};
use tokio::runtime::Runtime;

use crate::input::Input;
use files::Files;

/// Steps before the damage, at most.
const STEPS_MAX: usize = 24;

/// How long a segment may be, the damage, and what was done before it until the input ends.
pub(crate) fn run(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let folder = scratch();
    let config = SpoolConfig {
        segment_bytes: 64 + 8 * u64::from(input.byte()),
        ..SpoolConfig::in_folder(folder.path())
    };
    let damages = damage::all(&mut input);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let lived = live(&mut input, &config, &runtime);
    let written = Files::read(folder.path());
    for damage in &damages {
        damage.inflict(folder.path());
    }
    let damaged = Files::read(folder.path());

    let drained_below = if damaged.checkpoint == written.checkpoint {
        lived.drained_below
    } else {
        // It was a lower bound, and now nothing is known.
        0
    };
    let whole = written.whole_in(&damaged);
    let expected: Vec<u64> = (whole.iter())
        .map(|frame| frame.sequence)
        .filter(|sequence| *sequence >= drained_below)
        .collect();

    let recovery = recover(&config);
    let unreadable = damaged.bytes() - whole.iter().map(|frame| frame.bytes).sum::<u64>();
    assert_eq!(recovery.records, expected.len() as u64);
    assert_eq!(recovery.torn_bytes + recovery.damaged_bytes, unreadable);
    assert_eq!(
        damaged.kept_aside_in(folder.path()),
        unreadable,
        "what is not read is kept"
    );
    let again = Recovery {
        torn_bytes: 0,
        damaged_bytes: 0,
        ..recovery
    };
    assert_eq!(recover(&config), again, "a repaired spool needs no repair");

    let (spool, mut drain, _) = Spool::open(config).unwrap();
    let next = record(&mut Input::new(b"behind the damage"));
    let sequence = runtime.block_on(spool.append(vec![next.clone()])).unwrap();
    assert!(expected.iter().all(|earlier| *earlier < sequence) && sequence >= drained_below);
    let mut drained = Vec::new();
    while let Some(entries) = confirm_next(&mut drain) {
        drained.extend(entries);
    }
    let last = drained.pop().unwrap();
    assert_eq!((last.sequence, last.record), (sequence, next));
    let came: Vec<u64> = drained.iter().map(|entry| entry.sequence).collect();
    assert_eq!(
        came, expected,
        "all that is whole, once, in order, and nothing else"
    );
    for entry in drained {
        assert_eq!(lived.records[entry.sequence as usize], entry.record);
    }
    assert_eq!(spool.backlog(), Backlog::default());
    unreadable == 0
}

/// In memory where there is such a place: what is written here need survive nothing.
fn scratch() -> tempfile::TempDir {
    let shared_memory = Path::new("/dev/shm");
    if shared_memory.is_dir() {
        tempfile::tempdir_in(shared_memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// What a spool went through before it was damaged.
#[derive(Default)]
struct Lived {
    /// By sequence.
    records: Vec<Record>,
    drained_below: u64,
}

/// Appends and drains, as the input says.
fn live(input: &mut Input<'_>, config: &SpoolConfig, runtime: &Runtime) -> Lived {
    let (spool, mut drain, _) = Spool::open(config.clone()).unwrap();
    let mut lived = Lived::default();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        match input.byte() & 3 {
            0 => {
                let entries = confirm_next(&mut drain).unwrap_or_default();
                lived.drained_below += entries.len() as u64;
            }
            count => {
                let records: Vec<Record> = (0..count).map(|_| record(input)).collect();
                let first = runtime.block_on(spool.append(records.clone())).unwrap();
                assert_eq!(first, lived.records.len() as u64);
                lived.records.extend(records);
            }
        }
    }
    lived
}

fn confirm_next(drain: &mut Drain) -> Option<Vec<Entry>> {
    let chunk = drain.next_chunk().unwrap()?;
    drain.confirm(&chunk);
    Some(chunk.entries)
}

/// A key, a payload and a header, each as a chunk; an empty one is none.
fn record(input: &mut Input<'_>) -> Record {
    let mut value = || Some(input.chunk().to_vec()).filter(|value| !value.is_empty());
    let (key, payload, header) = (value(), value(), value());
    Record {
        topic: "shop.purchases.v1".to_owned(),
        key,
        payload,
        headers: vec![("ce_id".to_owned(), header)],
        event_id: "event".to_owned(),
    }
}

/// Opens and closes.
fn recover(config: &SpoolConfig) -> Recovery {
    let (spool, drain, recovery) = Spool::open(config.clone()).unwrap();
    drop((spool, drain));
    recovery
}
