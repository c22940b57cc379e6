//! Puts the entries of a timeline into causal order.
//!
//! What an entry names as its cause comes from a record, so it may be missing, be the entry itself,
//! or go round in a circle. None of that may lose an entry, loop or panic.

use std::collections::{BTreeSet, HashMap};

use crate::{decide::CONFLICT, rows::EntryRow};

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The entry.
    pub row: EntryRow,
    /// The place of its cause, always an earlier one; none when it has none in this timeline.
    pub cause: Option<usize>,
    /// How many causes lie before it.
    pub depth: usize,
}

/// Every entry after its cause, and otherwise by time, then by coordinates.
#[must_use]
pub fn causal(mut rows: Vec<EntryRow>) -> Vec<Placed> {
    rows.sort_by(|a, b| by_time(a).cmp(&by_time(b)));
    let causes = causes(&rows);
    let mut effects: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    for (index, cause) in causes.iter().enumerate() {
        if let Some(cause) = *cause {
            effects[cause].push(index);
        }
    }
    let mut waiting: BTreeSet<usize> = (0..rows.len()).collect();
    let mut ready: BTreeSet<usize> = (waiting.iter().copied())
        .filter(|index| causes[*index].is_none())
        .collect();
    let mut place_of: Vec<Option<usize>> = vec![None; rows.len()];
    let mut placed: Vec<Placed> = Vec::with_capacity(rows.len());
    // When nothing is ready and something waits, causes go in a circle: the earliest opens it.
    while let Some(index) = ready.pop_first().or_else(|| waiting.first().copied()) {
        waiting.remove(&index);
        let cause = causes[index].and_then(|cause| place_of[cause]);
        place_of[index] = Some(placed.len());
        placed.push(Placed {
            row: rows[index].clone(),
            cause,
            depth: cause.map_or(0, |cause| placed[cause].depth + 1),
        });
        ready.extend((effects[index].iter().copied()).filter(|effect| waiting.contains(effect)));
    }
    placed
}

fn by_time(row: &EntryRow) -> (i64, &str, i32, i64, &str) {
    (
        row.occurred_at,
        &row.topic,
        row.record_partition,
        row.record_offset,
        &row.entry_id,
    )
}

/// The index of each entry's cause. A conflicting duplicate has the event id of the purchase that
/// it contradicts, but is no cause of anything.
fn causes(rows: &[EntryRow]) -> Vec<Option<usize>> {
    let mut by_event: HashMap<&str, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        if row.kind != CONFLICT {
            by_event.entry(&row.event_id).or_insert(index);
        }
    }
    (rows.iter().enumerate())
        .map(|(index, row)| {
            let cause = by_event.get(row.causation_id.as_deref()?).copied()?;
            (cause != index).then_some(cause)
        })
        .collect()
}
