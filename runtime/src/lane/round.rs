//! A round: inputs into a batch, the batch into the database, and what follows from it.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Lane, LaneEvent,
    changes::Surroundings,
    commit::{self, Batch, BatchError, Committed},
    ends,
    items::{Item, Origin},
};
use crate::{group::Group, store::StoreError, task::Worker};

impl<G: Group, W: Worker> Lane<G, W> {
    /// Whether a batch should be written now: it is full, or its first input has waited enough.
    pub(super) fn is_due(&mut self) -> bool {
        let config = &self.shared.config;
        let inputs = self.pending.len() + self.answers.len() + self.found.len();
        if inputs == 0 {
            self.first_waiting = None;
            return false;
        }
        let instant = self.shared.machine.instant();
        let since = *self.first_waiting.get_or_insert(instant);
        let is_full = inputs >= config.batch_records_max
            || self
                .pending
                .iter()
                .map(|polled| polled.record.bytes())
                .sum::<usize>()
                >= config.batch_bytes_max;
        // What a tick has found waits for nothing: more of it may be behind.
        is_full
            || !self.found.is_empty()
            || instant.saturating_duration_since(since) >= config.batch_linger
    }

    /// Moves records from the intake, as many as a batch takes; those of shards that are not this
    /// lane's any more, or that were read before, are dropped.
    pub(super) fn take_records(&mut self) {
        if let Some(waits_for) = self.is_behind() {
            self.wait.quietly(waits_for);
            self.awaits_acknowledgement = true;
            return;
        }
        if std::mem::take(&mut self.awaits_acknowledgement) {
            self.wait.over();
        }
        let config = &self.shared.config;
        let room = config.batch_records_max.saturating_sub(self.pending.len());
        if room == 0 {
            return;
        }
        let mut taken = VecDeque::new();
        let is_empty = (self.intake).take(&mut taken, room, config.batch_bytes_max);
        self.has_emptied |= is_empty;
        let mut noted: Option<(Arc<str>, i32)> = None;
        for polled in taken {
            let at = &polled.record.at;
            // Records come in runs of one partition.
            let is_noted = |(topic, shard): &(Arc<str>, i32)| {
                Arc::ptr_eq(topic, &at.topic) && *shard == at.partition
            };
            if !noted.as_ref().is_some_and(is_noted) {
                let at = (at.topic.as_ref(), at.partition);
                ends::arrived(&mut self.backlogs, &self.shared.topics, at);
                noted = Some((Arc::clone(&polled.record.at.topic), at.1));
            }
            let is_wanted = self.tickets.get(&at.partition) == Some(&polled.ticket)
                && (self.shards.get(&at.partition))
                    .is_some_and(|shard| shard.wants(&at.topic, at.offset));
            if is_wanted {
                self.pending.push_back(polled);
            } else {
                self.intake.finished(1, polled.record.bytes());
            }
        }
    }

    /// Writes one batch.
    pub(super) async fn round(&mut self) {
        self.first_waiting = None;
        let mut items: Vec<Item> = Vec::new();
        items.extend(self.answers.drain(..));
        // Timers come last: a deadline does not win against what is already here.
        let (timers, found): (Vec<Item>, Vec<Item>) =
            self.found.drain(..).partition(Item::is_timer);
        items.extend(found);
        let records = self.pending.iter();
        items.extend(records.map(|polled| Item::record(Arc::clone(&polled.record))));
        items.extend(timers);
        self.write(items).await;
    }

    /// Writes inputs in one transaction; when the database refuses it because of one of them, in
    /// two, and so on, until the one is found.
    pub(super) async fn write(&mut self, items: Vec<Item>) {
        let mut parts = vec![items];
        while let Some(items) = parts.pop() {
            if self.is_told() {
                // Being told to let go does not wait until the one input is found among hundreds.
                self.keep_answers(items.into_iter().chain(parts.into_iter().flatten()));
                return;
            }
            match self.batch(items.clone(), None).await {
                Ok(committed) => {
                    if self.settle(committed) {
                        self.keep_answers(parts.into_iter().flatten());
                        return;
                    }
                }
                Err(BatchError::Store(StoreError::Refused(why))) if is_many(&items) => {
                    tracing::warn!(inputs = items.len(), why, "batch refused, halving it");
                    let mut first = items;
                    let mut second = first.split_off(first.len() / 2);
                    // A parked record of the first half that has to wait on makes those behind it
                    // wait on, too; only a batch that holds both sees that. They are still in the
                    // database, and found again.
                    second.retain(|item| !matches!(item.origin, Origin::Unparked(..)));
                    parts.push(second);
                    parts.push(first);
                }
                Err(BatchError::Store(StoreError::Refused(why))) => {
                    // It is refused by itself: set aside with what the database said.
                    match self.batch(items.clone(), Some(&why)).await {
                        Ok(committed) => {
                            self.settle(committed);
                        }
                        Err(error) => {
                            let rest = parts.into_iter().flatten();
                            self.failed(&error, items.into_iter().chain(rest));
                            return;
                        }
                    }
                }
                Err(error) => {
                    self.failed(&error, items.into_iter().chain(parts.into_iter().flatten()));
                    return;
                }
            }
        }
    }

    async fn batch(
        &mut self,
        items: Vec<Item>,
        refused: Option<&str>,
    ) -> Result<Committed, BatchError> {
        let shared = Arc::clone(&self.shared);
        let tally = self.tally.clone();
        let allowed = move |records, set_aside| !tally.would_exceed(records, set_aside);
        let (started, number) = (self.instant(), self.number);
        let batch = Batch {
            group: &shared.group,
            store: shared.store.as_ref(),
            around: Surroundings {
                shards: &self.shards,
                dead_letter_topic: &shared.config.dead_letter_topic,
                group: G::NAME,
                member: &shared.config.member,
                redrives_max: shared.config.redrives_max,
                partitions: shared.partitions.load(Ordering::Relaxed),
                now: shared.machine.now(),
            },
            retried: self.retried.values().cloned().collect(),
            watermarks: (self.shards.values())
                .filter(|shard| shard.outbox.is_ahead_of_store())
                .map(|shard| shard.shard)
                .collect(),
            allowed: &allowed,
            refused,
            beat: &|waits| shared.status.lane_turned(number, waits),
        };
        let inputs = items.len();
        let written = batch.write(items).await?;
        if mutants::on("publish-before-commit") {
            self.publish(written.committed.changes.journal.clone());
        }
        let committed = written.commit().await?;
        let statements = committed.statements;
        (shared.metrics).batch(inputs, statements, shared.machine.since(started));
        Ok(committed)
    }

    /// Carries on after a commit; whether inputs stayed where they are.
    fn settle(&mut self, mut committed: Committed) -> bool {
        self.failures = 0;
        self.retried.clear();
        commit::settle(&mut self.shards, &mut committed);
        let changes = committed.changes;
        let metrics = &self.shared.metrics;
        metrics.fates(&changes.fates);
        metrics.set_aside(&changes.dead_letters);
        metrics.event_ages(&committed.items, self.now());
        self.tally.count(changes.records, changes.set_aside);
        self.publish(changes.journal);
        self.drop_written();
        let later = committed.items.into_iter().enumerate();
        let later = later.filter(|(index, item)| changes.later.contains(index) && item.is_answer());
        self.answers.extend(later.map(|(_, item)| item));
        for (topic, partition) in changes.positions.keys() {
            if let Some(position) = self
                .shards
                .get(partition)
                .and_then(|shard| shard.positions.get(topic))
            {
                self.shared
                    .status
                    .set_position(topic, *partition, position.next_offset);
            }
        }
        match changes.waits_for {
            Some((dependency, detail)) => {
                self.wait.on(dependency, &detail);
                self.back_off();
                true
            }
            None => {
                self.wait.over();
                false
            }
        }
    }

    /// Records stay pending and everything else is found again in the database; answers are known
    /// here alone.
    fn keep_answers(&mut self, items: impl Iterator<Item = Item>) {
        self.answers.extend(items.filter(Item::is_answer));
    }

    /// Nothing of the batch was written, or it is not known: put back what is not in the database.
    fn failed(&mut self, error: &BatchError, items: impl Iterator<Item = Item>) {
        self.keep_answers(items);
        match error {
            BatchError::Fenced => {
                self.shared.metrics.fenced();
                self.must_read_again = true;
            }
            BatchError::TooManyDeadLetters => {
                tracing::error!("too many dead letters: paused until an operator resumes");
                self.halted = true;
                self.wait.quietly("an operator: too many dead letters");
            }
            BatchError::Store(StoreError::Fatal(why)) => {
                drop(self.shared.events.send(LaneEvent::Fatal(why.clone())));
                self.back_off();
            }
            BatchError::Store(StoreError::Transient(why) | StoreError::Refused(why)) => {
                self.wait.on("database", why);
                self.must_read_again = !mutants::on("lost-commit-taken-for-failure");
                self.back_off();
            }
        }
    }
}

/// Whether a batch that the database refuses can be halved.
fn is_many(items: &[Item]) -> bool {
    items.len() > 1 && !mutants::on("batch-dropped-on-one-bad-record")
}
