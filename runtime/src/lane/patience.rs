//! How long a lane that has nothing left to do now may sleep, if nothing wakes it before.
//!
//! Too long is late by that much, and too short costs a turn: nothing is lost either way.

use std::time::Duration;

use super::Lane;
use crate::{group::Group, task::Worker};

impl<G: Group, W: Worker> Lane<G, W> {
    /// Until the first thing that has a time: a tick, a batch that lingers, a task that is due, an
    /// event that waits for room or to be published again.
    pub(super) fn until_next(&self) -> Duration {
        let mut wait = self.next_tick.saturating_duration_since(self.instant());
        if !self.unpublished.is_empty() {
            wait = wait.min(Duration::from_millis(5));
        }
        if let Some(at) = self.publish_again_at {
            wait = wait.min(at.saturating_duration_since(self.instant()));
        }
        if let Some(since) = self.first_waiting {
            let linger = self
                .shared
                .config
                .batch_linger
                .saturating_sub(self.shared.machine.since(since));
            wait = wait.min(linger.max(Duration::from_micros(200)));
        }
        let due = self
            .shards
            .values()
            .filter_map(|shard| shard.tasks.next_due())
            .min();
        if let Some(due) = due.filter(|_| self.performer.takes_more()) {
            let due = due.max(self.performer.closed_until().unwrap_or(due));
            let micros = u64::try_from(due - self.now()).unwrap_or(0).max(1_000);
            wait = wait.min(Duration::from_micros(micros));
        }
        wait
    }
}
