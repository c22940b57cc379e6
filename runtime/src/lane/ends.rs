//! Finds out what of the shards' topics is read: asks Kafka where they end, when a timer waits for it,
//! and keeps the account in [`super::backlog`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Lane, Shared,
    backlog::{Backlog, Look},
};
use crate::{
    bookkeeping::rows::TimerRow,
    group::{Group, Timestamp},
    task::Worker,
};

/// How long Kafka may take to tell the ends of all that are asked for at once.
const ALL_ENDS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take for one partition, and for all that are asked for one by one.
const ONE_END_TIMEOUT: Duration = Duration::from_secs(1);
const ENDS_TIMEOUT: Duration = Duration::from_secs(5);

impl<G: Group, W: Worker> Lane<G, W> {
    /// Counts the time in which there was nothing left to do. What was not looked at, because the
    /// database was away or the lane was behind, does not count.
    pub(super) fn rest(&mut self) {
        let since = std::mem::replace(&mut self.last_tick, self.shared.machine.instant());
        if !std::mem::take(&mut self.has_emptied) {
            return;
        }
        let busy: BTreeSet<i32> = (self.pending.iter())
            .map(|polled| polled.record.at.partition)
            .collect();
        let elapsed = self
            .shared
            .machine
            .since(since)
            .min(self.shared.config.tick * 2);
        for (shard, backlog) in &mut self.backlogs {
            if !busy.contains(shard) {
                backlog.rested(elapsed);
            }
        }
    }

    /// Takes what Kafka has answered, and compares the positions with it.
    pub(super) async fn settle_backlogs(&mut self) {
        if self
            .looking
            .as_ref()
            .is_some_and(|looking| looking.is_finished())
            && let Some(looking) = self.looking.take()
        {
            let looks = looking.await.unwrap_or_default();
            for (shard, look) in looks {
                if let Some(backlog) = self.backlogs.get_mut(&shard) {
                    backlog.looked(look);
                }
            }
        }
        let patience = self.shared.config.timer_patience;
        for (number, backlog) in &mut self.backlogs {
            if let Some(shard) = self.shards.get(number) {
                backlog.settle(&self.shared.topics, &shard.positions, patience);
            }
        }
    }

    /// Of the timers that are due, those that may fire; the others stay where they are.
    pub(super) fn hold_timers(&mut self, due: Vec<TimerRow>) -> Vec<TimerRow> {
        let mut held: BTreeMap<i32, Timestamp> = BTreeMap::new();
        let mut firing = Vec::with_capacity(due.len());
        for timer in due {
            let backlog = self.backlogs.get(&timer.shard);
            let is_read = backlog.is_some_and(|backlog| timer.due_at <= backlog.read_until());
            if is_read || mutants::on("timer-before-backlog") {
                firing.push(timer);
            } else {
                let oldest = held.entry(timer.shard).or_insert(timer.due_at);
                *oldest = timer.due_at.min(*oldest);
            }
        }
        for (shard, backlog) in &mut self.backlogs {
            backlog.hold(held.get(shard).copied());
        }
        firing
    }

    /// Asks where the topics of the shards end whose timers wait: on a thread of its own, since the
    /// client blocks.
    pub(super) fn look_for_ends(&mut self) {
        if self.looking.is_some() || self.instant() < self.next_look {
            return;
        }
        let wanted = self.backlogs.iter();
        let wanted: Vec<i32> = wanted
            .filter(|(_, backlog)| backlog.wants_look())
            .map(|(shard, _)| *shard)
            .collect();
        if wanted.is_empty() {
            return;
        }
        self.next_look = self.instant() + self.shared.config.tick * 2;
        let (shared, intake) = (Arc::clone(&self.shared), Arc::clone(&self.intake));
        self.looking = Some(self.shared.machine.blocking(move || {
            let looks = ends(&shared, &wanted);
            intake.wake();
            looks
        }));
    }
}

/// Where the topics of shards end. A shard about which Kafka tells nothing is left out: what is
/// decided without it could not be published either.
fn ends<G>(shared: &Shared<G>, shards: &[i32]) -> Vec<(i32, Look)> {
    let at = shared.machine.now();
    let of_shard = |shard: &i32| {
        let shard = *shard;
        shared
            .topics
            .iter()
            .map(move |topic| (topic.as_str(), shard))
    };
    let partitions: Vec<(&str, i32)> = shards.iter().flat_map(of_shard).collect();
    let told = shared.broker.bounds(&partitions, ALL_ENDS_TIMEOUT);
    let bounds = told.unwrap_or_else(|error| {
        // One that nobody leads must not hide the others, so each is asked about by itself.
        tracing::debug!(error, "ends not told at once");
        one_by_one(shared, &partitions)
    });
    let of_shards = shards.iter().zip(bounds.chunks(shared.topics.len().max(1)));
    let looks = of_shards.map(|(shard, bounds)| {
        let bounds = bounds.to_vec();
        (*shard, Look { at, bounds })
    });
    looks
        .filter(|(_, look)| look.bounds.iter().any(Option::is_some))
        .collect()
}

fn one_by_one<G>(shared: &Shared<G>, partitions: &[(&str, i32)]) -> Vec<Option<(i64, i64)>> {
    let deadline = shared.machine.instant() + ENDS_TIMEOUT;
    let bounds = |(topic, shard): &(&str, i32)| {
        let left = deadline.saturating_duration_since(shared.machine.instant());
        if left.is_zero() {
            return None;
        }
        let timeout = left.min(ONE_END_TIMEOUT);
        let asked = shared.broker.watermarks(topic, *shard, timeout);
        let failed = |error: &String| tracing::debug!(topic, shard, error, "end not told");
        asked.inspect_err(failed).ok()
    };
    partitions.iter().map(bounds).collect()
}

/// Notes that a record of a topic has come.
pub(super) fn arrived(backlogs: &mut BTreeMap<i32, Backlog>, topics: &[String], at: (&str, i32)) {
    let index = topics.iter().position(|topic| topic == at.0);
    if let (Some(backlog), Some(index)) = (backlogs.get_mut(&at.1), index) {
        backlog.arrived(index);
    }
}
