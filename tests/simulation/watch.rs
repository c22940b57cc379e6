//! Looks at a group's database after each of its commits, and holds it against what must be true at
//! every instant. What is broken is noted, with the invariant's name; the run ends with the step.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use runtime::{
    Outgoing,
    bookkeeping::rows::Position,
    store::{Cells, Kind, MemoryStore},
};

use crate::{gates::ProcessId, goods, groups, money, states};

/// What has been seen committed.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) broken: Vec<String>,
    pub(crate) commits: u64,
    /// Per group, how far its journal was looked at, by shard.
    journalled: BTreeMap<(usize, i64), i64>,
    /// Per group and event, its place in the journal: shard and number.
    pub(crate) events: BTreeMap<(usize, String), (i64, i64)>,
    positions: BTreeMap<(usize, String, i32), i64>,
    /// Per group, where each purchase stands.
    pub(crate) states: [BTreeMap<String, String>; 5],
}

/// See the module.
#[derive(Default)]
pub(crate) struct Watch {
    seen: Mutex<Seen>,
}

impl Watch {
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
        if let Err(what) = seen.look(group, store) {
            let who = groups::NAMES[group];
            seen.broken
                .push(format!("{what} (after a commit of {who} {number})"));
        }
    }

    /// An event of a group arrives at a topic.
    pub(crate) fn arrived(&self, group: usize, outgoing: &Outgoing) {
        let name = (group, outgoing.event_id.clone());
        if !self.seen().events.contains_key(&name) {
            let (who, id) = (groups::NAMES[group], &name.1);
            self.broke(format!(
                "I1: {who} publishes {id}, which it has not committed"
            ));
        }
    }
}

impl Seen {
    fn look(&mut self, group: usize, store: &MemoryStore) -> Result<(), String> {
        self.look_at_positions(group, store)?;
        self.look_at_journal(group, store)?;
        let states = states::read(group, store)?;
        states::compare(group, &self.states[group], &states)?;
        self.states[group] = states;
        match group {
            groups::PAYMENT => money::balances(store),
            groups::INVENTORY => goods::balance(store),
            _ => Ok(()),
        }
    }

    /// I8: positions only move on, and every record before them is accounted for.
    fn look_at_positions(&mut self, group: usize, store: &MemoryStore) -> Result<(), String> {
        for position in store
            .rows::<Position>()
            .map_err(|error| error.to_string())?
        {
            let at = (group, position.topic.clone(), position.partition);
            let before = self.positions.insert(at, position.next_offset);
            let place = format!("{}[{}]", position.topic, position.partition);
            if before.is_some_and(|before| before > position.next_offset) {
                return Err(format!(
                    "I8: the position of {place} went back: {position:?}"
                ));
            }
            if position.accounted() != position.next_offset - position.start_offset {
                return Err(format!("I8: {place} does not add up: {position:?}"));
            }
        }
        Ok(())
    }

    fn look_at_journal(&mut self, group: usize, store: &MemoryStore) -> Result<(), String> {
        let sql = "SELECT shard, max(sequence) FROM journal GROUP BY shard";
        let ends = longs(store, sql, 2)?;
        for (shard, end) in ends[0].iter().zip(&ends[1]) {
            let known = self.journalled.insert((group, *shard), *end).unwrap_or(0);
            if known >= *end {
                continue;
            }
            let sql = "SELECT sequence, event_id FROM journal WHERE shard = ?1 AND sequence > ?2 \
                       ORDER BY sequence";
            let parameters = [Cells::longs([*shard]), Cells::longs([known])];
            let columns = store.query(sql, &parameters, &[Kind::Long, Kind::Text]);
            let columns = columns.map_err(|error| error.to_string())?;
            let [Cells::Long(numbers), Cells::Text(ids)] = columns.as_slice() else {
                return Err("the journal does not fit".to_owned());
            };
            for (number, id) in numbers.iter().flatten().zip(ids.iter().flatten()) {
                let place = (*shard, *number);
                if let Some(before) = self.events.insert((group, id.clone()), place) {
                    let who = groups::NAMES[group];
                    return Err(format!(
                        "I7: {who} states {id} twice: {before:?}, {place:?}"
                    ));
                }
            }
        }
        Ok(())
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
