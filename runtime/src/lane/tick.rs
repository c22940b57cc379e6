//! What is looked for from time to time: timers that are due, redrives that were asked for, parked
//! records that can be read, decisions about halted partitions, tasks that did not fit into memory, watermarks to be stored.

use std::time::Duration;

use failpoints::Step;

use super::{Lane, LaneEvent, after, backoff, breaker::micros, items::Item, performer::Ended};
use crate::{
    bookkeeping::{
        rows::{DeadLetter, Parked, TaskRow, TimerRow},
        statements,
    },
    group::{Group, Timestamp},
    store::{Cell, Cells, Mode, Store, StoreError},
    takeover::{self, longs, rows},
    task::{Attempt, Worker},
};

/// How many timers, redrives or parked records of a shard are taken at a time.
const FOUND_MAX: i64 = 200;

/// How often published journal entries are pruned, and how many of a shard at a time: after a long
/// time without, all of them at once would hold up the batches.
const PRUNED_MAX: i64 = 5_000;
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// What a tick reads.
struct Looked {
    timers: Vec<TimerRow>,
    redrives: Vec<DeadLetter>,
    readable: Vec<Parked>,
    tasks: Vec<TaskRow>,
    decided: bool,
}

impl<G: Group, W: Worker> Lane<G, W> {
    /// Looks, and stores what is ahead of the database.
    pub(super) async fn tick(&mut self) {
        if !self.found.is_empty() {
            // They are written at once, and what is behind them is looked for straight after.
            return;
        }
        self.next_tick = self.instant() + self.shared.config.tick;
        self.rest();
        self.settle_backlogs().await;
        for shard in self.shards.values() {
            self.report_shard(shard);
        }
        if self.shards.values().all(|shard| shard.tasks.len() == 0) {
            self.task_wait.over();
        }
        if self.halted {
            return;
        }
        let behind: Vec<(i32, i64)> = (self.shards.values())
            .filter_map(|shard| Some((shard.shard, shard.tasks.wants_more()?)))
            .collect();
        let reader = self.shared.config.reader_version;
        let readable: Vec<i32> = (self.shards.values())
            .filter(|shard| shard.parked.any_readable(reader))
            .map(|shard| shard.shard)
            .collect();
        let halted: Vec<i32> = (self.shards.values())
            .filter(|shard| shard.has_halted())
            .map(|shard| shard.shard)
            .collect();
        let numbers: Vec<i32> = self.shards.keys().copied().collect();
        let store = std::sync::Arc::clone(&self.shared.store);
        match look(
            store.as_ref(),
            &numbers,
            &readable,
            &behind,
            &halted,
            (reader, self.now()),
        )
        .await
        {
            Ok(mut looked) => {
                if std::mem::take(&mut self.tick_waits) {
                    self.wait.over();
                }
                let (answers, records): (Vec<_>, Vec<_>) =
                    (looked.redrives.into_iter()).partition(super::reopen::is_answer);
                looked.redrives = records;
                self.take_looked(looked, &behind);
                if !answers.is_empty() {
                    self.reopen(answers).await;
                }
                self.look_for_ends();
                self.flush().await;
                self.prune().await;
            }
            Err(StoreError::Fatal(why)) => {
                drop(self.shared.events.send(LaneEvent::Fatal(why)));
            }
            Err(error) => {
                self.wait.on("database", &error.to_string());
                self.tick_waits = true;
                self.back_off();
            }
        }
    }

    fn take_looked(&mut self, looked: Looked, behind: &[(i32, i64)]) {
        if looked.decided {
            drop(self.shared.events.send(LaneEvent::Decided));
        }
        let full = usize::try_from(FOUND_MAX).unwrap_or(usize::MAX);
        let timers = self.hold_timers(looked.timers);
        let is_full =
            timers.len() >= full || looked.redrives.len() >= full || looked.readable.len() >= full;
        self.found
            .extend(looked.readable.into_iter().map(Item::unparked));
        let timers = mutants::broken("timer-fired-twice", timers, |once| {
            [&once[..], &once].concat()
        });
        self.found
            .extend(timers.into_iter().map(|timer| Item::timer(timer.into())));
        self.found
            .extend(looked.redrives.into_iter().map(Item::redrive));
        if is_full {
            self.next_tick = self.instant();
        }
        for (number, _) in behind {
            let of_shard = looked.tasks.iter().filter(|task| task.shard == *number);
            let tasks: Vec<TaskRow> = of_shard.cloned().collect();
            if let Some(shard) = self.shards.get_mut(number) {
                let more = tasks.len() >= crate::bookkeeping::task_queue::WINDOW_TASKS;
                shard.tasks.loaded(tasks, more);
            }
        }
    }

    /// Deletes journal entries that were published longer ago than the auditor looks back. It only
    /// frees space, so a failure is left to the next time.
    async fn prune(&mut self) {
        if self.next_prune > self.instant() {
            return;
        }
        self.next_prune = self.instant() + PRUNE_INTERVAL;
        let before = self
            .now()
            .saturating_sub(micros(self.shared.config.journal_retention));
        let shards: Vec<(i32, i64)> = (self.shards.values())
            .map(|shard| (shard.shard, shard.outbox.watermark()))
            .collect();
        let parameters = vec![
            Cells::longs(shards.iter().map(|(shard, _)| i64::from(*shard))),
            Cells::longs(shards.iter().map(|(_, watermark)| *watermark)),
            Cells::longs(shards.iter().map(|_| before)),
            Cells::longs(shards.iter().map(|_| PRUNED_MAX)),
        ];
        let store = std::sync::Arc::clone(&self.shared.store);
        let pruned = async move {
            let mut transaction = store.begin(Mode::Write).await?;
            let pruned = transaction
                .execute(&statements::PRUNE_JOURNAL, parameters)
                .await?;
            transaction.commit().await.map(|()| pruned)
        };
        match pruned.await {
            Ok(pruned) if pruned >= PRUNED_MAX.unsigned_abs() => self.next_prune = self.instant(),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "journal not pruned"),
        }
    }

    /// Stores watermarks and task attempts when no batch does.
    pub(super) async fn flush(&mut self) {
        let is_ahead = self
            .shards
            .values()
            .any(|shard| shard.outbox.is_ahead_of_store());
        if is_ahead || !self.retried.is_empty() {
            self.write(Vec::new()).await;
        }
    }

    /// Says that tasks wait for who answers them, once a few attempts in a row were not answered,
    /// and until one is.
    pub(super) fn declare(&mut self, attempt: &Attempt) {
        match attempt {
            Attempt::Retry {
                reason,
                dependency_failed: true,
                ..
            } => {
                if self.performer.fails() {
                    self.task_wait.on(W::DEPENDENCY, reason);
                }
            }
            Attempt::Answered(_) | Attempt::Retry { .. } => self.task_wait.over(),
        }
    }

    pub(super) fn attempt_ended(&mut self, ended: Ended, now: Timestamp) {
        let Ended { row, attempt } = ended;
        self.shared.metrics.attempt(&row.kind, &attempt);
        let Some(shard) = self.shards.get_mut(&row.shard) else {
            return;
        };
        if shard.tasks.get(row.sequence).is_none() {
            return;
        }
        match attempt {
            Attempt::Answered(answer) => {
                failpoints::at(Step::Answered);
                shard.tasks.hold(row.sequence);
                self.retried.remove(&row.task_id);
                self.answers.push_back(Item::answer(row, answer));
            }
            Attempt::Retry {
                reason,
                after: at_least,
                ..
            } => {
                let tries = u32::try_from(row.attempts).unwrap_or(u32::MAX);
                let wait = backoff(self.shared.config.backoff, tries);
                let wait = at_least.map_or(wait, |at_least| wait.max(at_least));
                let (task_id, kind) = (&row.task_id, &row.kind);
                tracing::debug!(task_id, kind, reason, ?wait, "attempt without an answer");
                if let Some(row) = shard.tasks.retry(row.sequence, after(now, wait)) {
                    self.retried.insert(row.task_id.clone(), row);
                }
            }
        }
    }
}

async fn look(
    store: &dyn Store,
    numbers: &[i32],
    readable: &[i32],
    behind: &[(i32, i64)],
    halted: &[i32],
    (reader, now): (u32, Timestamp),
) -> Result<Looked, StoreError> {
    let mut transaction = store.begin(Mode::Snapshot).await?;
    let most = |shards: &[i32]| Cells::longs(shards.iter().map(|_| FOUND_MAX));
    let nows = Cells::longs(numbers.iter().map(|_| now));
    let timers = vec![longs(numbers), nows, most(numbers)];
    let timers = rows(transaction.as_mut(), &statements::DUE_TIMERS, timers).await?;
    let redrives = vec![longs(numbers), most(numbers)];
    let redrives = rows(transaction.as_mut(), &statements::REDRIVES, redrives).await?;
    let mut looked = Looked {
        timers,
        redrives,
        readable: vec![],
        tasks: vec![],
        decided: false,
    };
    if !readable.is_empty() {
        let readers = Cells::longs(readable.iter().map(|_| i64::from(reader)));
        let parameters = vec![longs(readable), readers, most(readable)];
        looked.readable = rows(transaction.as_mut(), &statements::READABLE, parameters).await?;
    }
    if !behind.is_empty() {
        looked.tasks = takeover::waiting_tasks(transaction.as_mut(), behind).await?;
    }
    if !halted.is_empty() {
        let kinds = [i64::KIND];
        let mut decided = transaction
            .query(&statements::DECIDED, vec![longs(halted)], &kinds)
            .await?;
        looked.decided = (0..decided[0].len()).any(|row| i64::take(&mut decided[0], row) > Some(0));
    }
    transaction.commit().await?;
    Ok(looked)
}
