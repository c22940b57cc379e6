//! Whether a run is over, what is left of it, and when the next deadline is.

use runtime::bookkeeping::rows::Position;

use crate::{groups, watch::longs, world::World};

/// Waiting tasks, timers, parked records, redrives that were asked for, and events that are not
/// known to be published.
const LEFT: &str = "
    SELECT (SELECT count(*) FROM tasks WHERE state = 'waiting'),
           (SELECT count(*) FROM timers),
           (SELECT count(*) FROM parked),
           (SELECT count(*) FROM dead_letters WHERE state = 'redrive'),
           (SELECT coalesce(sum(next_sequence - 1 - published_sequence), 0) FROM shards)";

const DUE: &str = "
    SELECT coalesce(min(at), 0) FROM (
      SELECT min(due_at) AS at FROM timers
      UNION ALL SELECT min(not_before) FROM tasks WHERE state = 'waiting')";

impl World {
    /// Whether nothing is left to happen. What of the plan is still to come comes now.
    pub(crate) fn is_over(&mut self) -> Result<bool, String> {
        if self.is_disturbed() || self.bring_on() || self.next_deed < self.plan.deeds.len() {
            return Ok(false);
        }
        for group in 0..5 {
            if self.members[group].reader < schemas::versions::NEWEST {
                self.upgrade(group);
                return Ok(false);
            }
            let left = longs(&self.stores[group], LEFT, 5)?;
            if left.iter().flatten().any(|left| *left > 0) || self.unread(group)? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn unread(&self, group: usize) -> Result<i64, String> {
        let positions: Vec<Position> =
            (self.stores[group].rows()).map_err(|error| format!("positions: {error}"))?;
        let topics = &self.around.topics;
        let mut unread = 0;
        for topic in groups::reads(group) {
            for shard in 0..self.plan.shape.shards {
                let position = (positions.iter())
                    .find(|position| position.topic == *topic && position.partition == shard);
                let next = position.map_or(0, |position| position.next_offset);
                unread += topics.end(topic, shard) - next;
            }
        }
        Ok(unread)
    }

    /// When the next timer or task is due, by the clock of its group.
    pub(crate) fn next_due(&self) -> Result<Option<i64>, String> {
        let mut first: Option<i64> = None;
        for group in 0..5 {
            let due = longs(&self.stores[group], DUE, 1)?;
            let due = due[0].first().copied().filter(|due| *due > 0);
            let due = due.map(|due| due - self.members[group].skew);
            first = first.into_iter().chain(due).min();
        }
        Ok(first)
    }

    /// What is left, for whoever has to find out why.
    pub(crate) fn left(&self) -> String {
        let of_group = |group: usize| {
            let left = longs(&self.stores[group], LEFT, 5).unwrap_or_default();
            let left: Vec<i64> = left.into_iter().flatten().collect();
            let unread = self.unread(group).unwrap_or(-1);
            let waiting: Vec<String> = (self.members[group].alive())
                .map(|(_, slot)| {
                    let report = slot.process.status().report();
                    let waits: Vec<&String> =
                        report.waiting.values().map(|(what, _)| what).collect();
                    format!(
                        "{} ({:?}) has {:?}, waits for {waits:?}",
                        slot.number, slot.life, slot.shards
                    )
                })
                .collect();
            let name = groups::NAMES[group];
            format!(
                "\n  {name}: unread {unread}; tasks, timers, parked, redrives, unpublished {left:?}; {waiting:?}"
            )
        };
        (0..5).map(of_group).collect()
    }
}
