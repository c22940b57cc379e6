//! What a run has published, held against its journal.
//!
//! An event says when it was decided on, so that one that was published and never committed cannot
//! be taken for the one that was.

use std::collections::{BTreeMap, BTreeSet};

use super::{OUT, SHARDS, world::World};
use crate::{bookkeeping::rows::JournalEntry, kafka::scan::Scanner};

/// The events of a run per shard, in the order of their numbers.
pub(super) struct Journal {
    world: u64,
    events: BTreeMap<i32, Vec<String>>,
}

impl World {
    pub(super) async fn journal(&self) -> Journal {
        let mut entries: Vec<JournalEntry> = self.all().await;
        entries.sort_by_key(|entry| (entry.shard, entry.sequence));
        let mut events: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for entry in entries.into_iter().filter(|entry| entry.topic == OUT) {
            let event = text(entry.payload);
            events.entry(entry.shard).or_default().push(event);
        }
        Journal {
            world: self.number,
            events,
        }
    }
}

fn text(payload: Option<Vec<u8>>) -> String {
    String::from_utf8(payload.unwrap_or_default()).unwrap()
}

/// Every event of every journal was published, in order, and nothing else was. What comes again was
/// published again.
pub(super) fn compare(bootstrap: &str, journals: &[(String, Journal)]) {
    let scanner = Scanner::connect(bootstrap, &BTreeMap::new()).unwrap();
    for shard in SHARDS {
        let mut seen = BTreeSet::new();
        let mut published: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let outcome = scanner.read(OUT, shard, |record| {
            let event = text(record.payload);
            if seen.insert(event.clone()) {
                let (world, _) = event.split_once(' ').unwrap();
                published
                    .entry(world.parse().unwrap())
                    .or_default()
                    .push(event);
            }
        });
        outcome.unwrap();
        for (name, journal) in journals {
            let (published, journalled) =
                (published.get(&journal.world), journal.events.get(&shard));
            assert_eq!(
                published, journalled,
                "published and journalled with {name}"
            );
        }
    }
}
