//! Looks at a group's database after each of its commits, and holds it against what must be true at
//! every instant. What is broken is noted, with the invariant's name; the run ends with the step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use runtime::{
    Record,
    simulated::Topics,
    store::{Cells, Kind, MemoryStore},
};

use crate::{gates::ProcessId, goods, groups, money, states};

/// A topic, a partition and an offset.
pub(crate) type Place = (String, i32, i64);

/// What has been seen committed.
pub(crate) struct Seen {
    pub(crate) broken: Vec<String>,
    pub(crate) commits: u64,
    pub(crate) topics: Arc<Topics>,
    /// The group that begins with an older reader, and which, for as long as nobody has a newer one.
    pub(crate) behind: Option<(usize, u32)>,
    /// Per group, how far its journal was looked at, by shard.
    pub(crate) journalled: BTreeMap<(usize, i64), i64>,
    /// Per group and event, what is known of it.
    pub(crate) events: BTreeMap<(usize, String), Stated>,
    /// Per group and shard, the events that have not come to their topic.
    pub(crate) missing: BTreeMap<(usize, i64), BTreeSet<i64>>,
    /// Per group and shard: epoch, next number, watermark.
    pub(crate) shards: BTreeMap<(usize, i64), [i64; 3]>,
    /// Where each event came to first.
    pub(crate) places: BTreeMap<String, Place>,
    pub(crate) positions: BTreeMap<(usize, String, i32), i64>,
    /// Per group, where each purchase stands.
    pub(crate) states: [BTreeMap<String, String>; 5],
    pub(crate) counts: BTreeMap<String, u64>,
}

/// An event in a group's journal.
pub(crate) struct Stated {
    pub(crate) shard: i64,
    pub(crate) sequence: i64,
    /// The number of the process that has committed it.
    pub(crate) by: u32,
    pub(crate) has_arrived: bool,
}

/// See the module.
pub(crate) struct Watch {
    seen: Mutex<Seen>,
}

impl Watch {
    pub(crate) fn over(topics: &Arc<Topics>, behind: Option<(usize, u32)>) -> Self {
        let seen = Seen {
            broken: vec![],
            commits: 0,
            topics: Arc::clone(topics),
            behind,
            journalled: BTreeMap::new(),
            events: BTreeMap::new(),
            missing: BTreeMap::new(),
            shards: BTreeMap::new(),
            places: BTreeMap::new(),
            positions: BTreeMap::new(),
            states: Default::default(),
            counts: BTreeMap::new(),
        };
        Self {
            seen: Mutex::new(seen),
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn broke(&self, what: String) {
        self.seen().broken.push(what);
    }

    /// A process has committed; nothing else is under way in its group's database.
    pub(crate) fn committed(&self, (group, number): ProcessId, store: &MemoryStore) {
        let mut seen = self.seen();
        seen.commits += 1;
        if let Err(what) = seen.look((group, number), store) {
            let who = groups::NAMES[group];
            seen.broken
                .push(format!("{what} (after a commit of {who} {number})"));
        }
    }

    /// An event of a group has come to its topic.
    pub(crate) fn arrived(&self, (group, number): ProcessId, event_id: &str, record: &Record) {
        let mut seen = self.seen();
        seen.note_place(record);
        let who = groups::NAMES[group];
        let Some(stated) = seen.events.get_mut(&(group, event_id.to_owned())) else {
            let broken = format!("I1: {who} publishes {event_id}, which it has not committed");
            seen.broken.push(broken);
            return;
        };
        let is_first = !std::mem::replace(&mut stated.has_arrived, true);
        let (shard, sequence, is_others) = (stated.shard, stated.sequence, stated.by != number);
        if let Some(missing) = seen.missing.get_mut(&(group, shard)) {
            missing.remove(&sequence);
        }
        match (is_first, is_others) {
            (true, true) => seen.count("events published by a successor"),
            (false, _) => seen.count("events published twice"),
            (true, false) => {}
        }
    }
}

impl Seen {
    pub(crate) fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Where the event of a record came to, if it is the first with this id.
    pub(crate) fn note_place(&mut self, record: &Record) {
        if let Some(event_id) = record.headers.text("ce_id") {
            let at = &record.at;
            let place = || (at.topic.to_string(), at.partition, at.offset);
            self.places.entry(event_id.to_owned()).or_insert_with(place);
        }
    }

    /// Shard and number of a group's event.
    pub(crate) fn place(&self, group: usize, event_id: &str) -> Option<(i64, i64)> {
        let stated = self.events.get(&(group, event_id.to_owned()))?;
        Some((stated.shard, stated.sequence))
    }

    pub(crate) fn has_arrived(&self, group: usize, event_id: &str) -> bool {
        let stated = self.events.get(&(group, event_id.to_owned()));
        stated.is_some_and(|stated| stated.has_arrived)
    }

    fn look(&mut self, (group, number): ProcessId, store: &MemoryStore) -> Result<(), String> {
        self.look_at_positions(group, store)?;
        self.look_at_journal((group, number), store)?;
        self.look_at_shards(group, store)?;
        if let Some((behind, reader)) = self.behind
            && behind == group
        {
            self.look_at_parked((group, reader), store)?;
        }
        let states = states::read(group, store)?;
        states::compare(group, &self.states[group], &states)?;
        self.states[group] = states;
        states::deadlines(group, store)?;
        match group {
            groups::PAYMENT => money::balances(store),
            groups::INVENTORY => goods::balance(store),
            _ => Ok(()),
        }
    }
}

/// The columns of a query that returns numbers.
pub(crate) fn longs(
    store: &MemoryStore,
    sql: &str,
    columns: usize,
) -> Result<Vec<Vec<i64>>, String> {
    let kinds = vec![Kind::Long; columns];
    let found = store
        .query(sql, &[], &kinds)
        .map_err(|error| error.to_string())?;
    let numbers = |cells: Cells| match cells {
        Cells::Long(numbers) => numbers.into_iter().map(Option::unwrap_or_default).collect(),
        _ => vec![],
    };
    Ok(found.into_iter().map(numbers).collect())
}

/// The first row of a query that returns texts and then a number; none when it returns none. Queries
/// of what must not be return what is wrong this way.
pub(crate) fn wrong(
    store: &MemoryStore,
    sql: &str,
    texts: usize,
) -> Result<Option<(String, i64)>, String> {
    let mut kinds = vec![Kind::Text; texts];
    kinds.push(Kind::Long);
    let found = store
        .query(sql, &[], &kinds)
        .map_err(|error| error.to_string())?;
    let mut words = Vec::new();
    let mut number = None;
    for cells in &found {
        match cells {
            Cells::Text(texts) => words.extend(texts.first().cloned().flatten()),
            Cells::Long(numbers) => number = numbers.first().copied().flatten(),
            _ => {}
        }
    }
    Ok(number.map(|number| (words.join(" "), number)))
}
