//! After an outcome that is not known, and when shards are let go.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use failpoints::Step;

use super::{Lane, LaneEvent, backoff};
use crate::{bookkeeping::shard::Shard, group::Group, store::StoreError, takeover, task::Worker};

impl<G: Group, W: Worker> Lane<G, W> {
    /// Reads the shards again. A commit whose reply was lost shows itself here: the positions have
    /// moved, and what follows from the batch is in the journal and among the tasks.
    pub(super) async fn read_again(&mut self) -> bool {
        let numbers: Vec<i32> = self.shards.keys().copied().collect();
        if numbers.is_empty() {
            self.must_read_again = false;
            return true;
        }
        let shared = std::sync::Arc::clone(&self.shared);
        let read = takeover::read_again(shared.store.as_ref(), &numbers, &shared.topics).await;
        match read {
            Ok(found) => {
                for found in found {
                    self.renew(found);
                }
                self.must_read_again = false;
                self.drop_written();
                // What could not be written may fail again: the batch says when the wait is over.
                if self.pending.is_empty() && self.answers.is_empty() && self.found.is_empty() {
                    self.wait.over();
                }
                true
            }
            Err(StoreError::Fatal(why)) => {
                drop(self.shared.events.send(LaneEvent::Fatal(why)));
                self.back_off();
                false
            }
            Err(error) => {
                self.wait.on("database", &error.to_string());
                self.back_off();
                false
            }
        }
    }

    fn renew(&mut self, found: crate::bookkeeping::shard::Found) {
        let number = found.shard;
        let Some(before) = self.shards.get(&number) else {
            return;
        };
        if found.epoch != before.epoch {
            tracing::warn!(
                shard = number,
                ours = before.epoch,
                now = found.epoch,
                "fenced"
            );
            self.drop_shard(number);
            drop(self.shared.events.send(LaneEvent::Fenced));
            return;
        }
        let given_before = before.outbox.next_sequence();
        let acknowledged_before = before.outbox.watermark();
        let (mut shard, unpublished) = Shard::take(found);
        // What the producer has already been handed is not handed over twice: its acknowledgement
        // is still to come, or has come.
        let (known, new): (Vec<_>, Vec<_>) = unpublished
            .into_iter()
            .partition(|entry| entry.sequence < given_before);
        for entry in known
            .iter()
            .filter(|entry| before.outbox.is_acknowledged(entry.sequence))
        {
            shard.outbox.acknowledged(entry.sequence);
        }
        debug_assert!(shard.outbox.watermark() >= acknowledged_before);
        self.publish_again(&shard, new);
        let tasks: BTreeSet<i64> = self
            .answers
            .iter()
            .filter_map(|item| match &item.origin {
                super::Origin::Answer(row, _) if row.shard == number => Some(row.sequence),
                _ => None,
            })
            .collect();
        for sequence in &tasks {
            shard.tasks.hold(*sequence);
        }
        let known = |item: &super::Item| match &item.origin {
            super::Origin::Answer(row, _) if row.shard == number => {
                shard.tasks.get(row.sequence).is_some()
            }
            _ => true,
        };
        self.answers.retain(known);
        // An attempt of before says nothing of a task that is answered by now.
        self.retried
            .retain(|_, row| row.shard != number || shard.tasks.get(row.sequence).is_some());
        self.report_shard(&shard);
        self.shards.insert(number, shard);
    }

    /// Drops the records that are in the database by now.
    pub(super) fn drop_written(&mut self) {
        let shards = std::mem::take(&mut self.shards);
        self.forget_pending(|polled| {
            let at = &polled.record.at;
            !shards
                .get(&at.partition)
                .is_some_and(|shard| shard.wants(&at.topic, at.offset))
        });
        self.shards = shards;
    }

    /// Without shards nothing is wanted.
    pub(super) fn drop_pending(&mut self) {
        self.take_records();
        self.drop_written();
        self.must_read_again = false;
    }

    /// Waits before the next try, longer each time, with jitter so that lanes do not try in step.
    pub(super) fn back_off(&mut self) {
        let wait = backoff(self.shared.config.backoff, self.failures);
        self.failures = self.failures.saturating_add(1);
        let jitter = u32::try_from(self.number % 4).unwrap_or_default() + 5;
        self.blocked_until = Some(self.instant() + wait * jitter / 8);
    }

    /// Lets go of shards: what is committed is published, the watermark is stored, nothing else is
    /// begun.
    pub(super) async fn release(&mut self, numbers: &[i32], deadline: Instant) {
        let ours: BTreeSet<i32> = numbers
            .iter()
            .copied()
            .filter(|number| self.shards.contains_key(number))
            .collect();
        if !ours.is_empty() && !self.must_read_again {
            while self.publishes(&ours) && self.instant() < deadline {
                let wait = Duration::from_millis(5);
                (self.shared.machine.within(wait, self.intake.woken())).await;
                self.collect();
                self.publish_waiting();
            }
            failpoints::at(Step::Draining);
            let left = deadline.saturating_duration_since(self.instant());
            let machine = self.shared.machine.clone();
            machine.within(left, self.flush()).await;
        }
        for number in ours {
            self.drop_shard(number);
        }
        if self.shards.is_empty() {
            self.performer.abandon();
            self.pending.clear();
            self.found.clear();
            self.intake.clear();
            self.must_read_again = false;
            self.blocked_until = None;
            self.failures = 0;
            // The records over which it halted are another member's, to be judged there; so is
            // whatever else it waited for.
            self.halted = false;
            self.tick_waits = false;
            self.wait.over();
            self.task_wait.over();
        } else {
            self.drop_written();
        }
    }
}
