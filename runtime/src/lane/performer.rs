//! Performs the tasks of a lane: side by side up to a limit, answers collected for the next batch.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use super::breaker::Breaker;
use crate::{
    bookkeeping::{rows::TaskRow, shard::Shard},
    group::Timestamp,
    intake::Intake,
    task::{Attempt, Worker},
};

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) row: TaskRow,
    pub(crate) attempt: Attempt,
}

/// The running attempts of one lane.
pub(crate) struct Performer<W> {
    worker: Arc<W>,
    intake: Arc<Intake>,
    ended: Arc<Mutex<Vec<Ended>>>,
    running: JoinSet<()>,
    performing: HashSet<String>,
    breaker: Breaker,
    concurrency: usize,
}

impl<W: Worker> Performer<W> {
    pub(crate) fn new(
        worker: Arc<W>,
        intake: Arc<Intake>,
        concurrency: usize,
        backoff: (Duration, Duration),
    ) -> Self {
        Self {
            worker,
            intake,
            ended: Arc::default(),
            running: JoinSet::new(),
            performing: HashSet::new(),
            breaker: Breaker::new(backoff),
            concurrency,
        }
    }

    /// Starts what can be performed now.
    pub(crate) fn start(&mut self, shards: &mut BTreeMap<i32, Shard>, now: Timestamp) {
        while self.running.try_join_next().is_some() {}
        let free = self.concurrency.saturating_sub(self.running.len());
        let mut limit = self.breaker.permits(free, now);
        for shard in shards.values_mut() {
            if limit == 0 {
                break;
            }
            for row in shard.tasks.start(limit, now) {
                limit -= 1;
                // An attempt from before the shard was read again is still under way; its answer
                // will be this task's.
                if self.performing.insert(row.task_id.clone()) {
                    self.breaker.started();
                    self.spawn(row);
                }
            }
        }
    }

    fn spawn(&mut self, row: TaskRow) {
        let worker = Arc::clone(&self.worker);
        let intake = Arc::clone(&self.intake);
        let collected = Arc::clone(&self.ended);
        self.running.spawn(async move {
            let task = row.task();
            // A panic of the worker is an attempt without an answer, not the end of the lane.
            let attempt = tokio::spawn(async move { worker.perform(&task).await }).await;
            let attempt = attempt.unwrap_or_else(|error| Attempt::Retry {
                reason: format!("the worker panicked: {error}"),
                after: None,
                dependency_failed: false,
            });
            let ended = Ended { row, attempt };
            collected
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(ended);
            intake.wake();
        });
    }

    /// Takes the attempts that have ended.
    pub(crate) fn take_ended(&mut self, now: Timestamp) -> Vec<Ended> {
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for one in &ended {
            self.performing.remove(&one.row.task_id);
            match &one.attempt {
                Attempt::Retry {
                    dependency_failed: true,
                    ..
                } => self.breaker.failed(now),
                Attempt::Answered(_) | Attempt::Retry { .. } => self.breaker.succeeded(),
            }
        }
        ended
    }

    /// When the breaker lets attempts through again, if it is open.
    pub(crate) fn closed_until(&self) -> Option<Timestamp> {
        self.breaker.open_until()
    }

    /// Whether attempts may be started now.
    pub(crate) fn has_room(&self) -> bool {
        self.running.len() < self.concurrency
    }

    /// Ends all attempts: their tasks stay unanswered, and are tried again by the next owner under
    /// the same ids.
    pub(crate) fn abandon(&mut self) {
        self.running.abort_all();
        self.performing.clear();
        self.breaker.succeeded();
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
