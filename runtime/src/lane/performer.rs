//! Performs the tasks of a lane: side by side up to a limit, answers collected for the next batch.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use failpoints::Step;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::breaker::Breaker;
use crate::{
    bookkeeping::{rows::TaskRow, shard::Shard},
    group::Timestamp,
    intake::Intake,
    machine::Machine,
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
    attempt_timeout: Duration,
    machine: Machine,
    /// The shard whose tasks are started first: the one behind the last that had a place.
    first: i32,
}

impl<W: Worker> Performer<W> {
    pub(crate) fn new(
        worker: Arc<W>,
        intake: Arc<Intake>,
        (concurrency, attempt_timeout): (usize, Duration),
        backoff: (Duration, Duration),
        machine: Machine,
    ) -> Self {
        Self {
            worker,
            intake,
            ended: Arc::default(),
            running: JoinSet::new(),
            performing: HashSet::new(),
            breaker: Breaker::new(backoff),
            concurrency,
            attempt_timeout,
            machine,
            first: 0,
        }
    }

    /// Starts what can be performed now. Shards take turns: a place that becomes free goes to the one
    /// behind the last that had one, or a slow service would be asked for the first shards alone.
    pub(crate) fn start(&mut self, shards: &mut BTreeMap<i32, Shard>, now: Timestamp) {
        while self.running.try_join_next().is_some() {}
        let free = self.concurrency.saturating_sub(self.running.len());
        let mut limit = self.breaker.permits(free, now);
        let turns = (shards.range(self.first..)).chain(shards.range(..self.first));
        let turns: Vec<i32> = turns.map(|(number, _)| *number).collect();
        for number in turns {
            let Some(shard) = shards.get_mut(&number).filter(|_| limit > 0) else {
                break;
            };
            for row in shard.tasks.start(limit, now) {
                limit -= 1;
                // An attempt from before the shard was read again is still under way; its answer
                // will be this task's.
                if self.performing.insert(row.task_id.clone()) {
                    self.breaker.started();
                    self.spawn(row);
                }
                self.first = number + 1;
            }
        }
    }

    fn spawn(&mut self, row: TaskRow) {
        let worker = Arc::clone(&self.worker);
        let intake = Arc::clone(&self.intake);
        let collected = Arc::clone(&self.ended);
        let (limit, machine) = (self.attempt_timeout, self.machine.clone());
        self.running.spawn(async move {
            let task = row.task();
            failpoints::at(Step::Calling);
            // A panic of the worker is an attempt without an answer, not the end of the lane; and
            // an attempt ends with the one who waits for it.
            let perform = tokio::spawn(async move { worker.perform(&task).await });
            let perform = AbortOnDropHandle::new(perform);
            let attempt = machine.within(limit, perform).await;
            let attempt = match attempt {
                Some(Ok(attempt)) => attempt,
                Some(Err(error)) => unanswered(format!("the worker panicked: {error}"), false),
                None => unanswered(format!("no outcome within {limit:?}"), true),
            };
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

    /// Whether attempts fail for now, one after the other.
    pub(crate) fn fails(&self) -> bool {
        self.breaker.fails()
    }

    /// When the breaker lets attempts through again, if it is open.
    pub(crate) fn closed_until(&self) -> Option<Timestamp> {
        self.breaker.open_until()
    }

    /// Whether attempts may be started once they are due: while one tries the dependency, the
    /// others wait for its outcome and not for a time.
    pub(crate) fn takes_more(&self) -> bool {
        self.running.len() < self.concurrency && !self.breaker.is_probing()
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

fn unanswered(reason: String, dependency_failed: bool) -> Attempt {
    Attempt::Retry {
        reason,
        after: None,
        dependency_failed,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{bookkeeping::task_queue::TaskQueue, task::Task};

    /// Never answers; counts the attempts that are under way.
    #[derive(Default)]
    struct Silent {
        under_way: Arc<AtomicUsize>,
    }

    struct UnderWay(Arc<AtomicUsize>);

    impl Drop for UnderWay {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Worker for Silent {
        async fn perform(&self, _: &Task) -> Attempt {
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let _ends = UnderWay(Arc::clone(&self.under_way));
            future::pending().await
        }
    }

    fn performer(limit: Duration) -> (Performer<Silent>, Arc<AtomicUsize>) {
        let worker = Silent::default();
        let under_way = Arc::clone(&worker.under_way);
        let intake = Arc::new(Intake::new(1, 1));
        let backoff = (Duration::from_millis(1), Duration::from_millis(1));
        let performer =
            Performer::new(Arc::new(worker), intake, (1, limit), backoff, Machine::Real);
        (performer, under_way)
    }

    fn started(performer: &mut Performer<Silent>) {
        let mut tasks = TaskQueue::default();
        tasks.loaded(vec![TaskRow::waiting("t", "k", 1)], false);
        let mut shards = BTreeMap::from([(0, Shard::with_tasks(0, tasks))]);
        performer.start(&mut shards, 1);
    }

    async fn until(holds: impl Fn() -> bool) {
        let patience = Duration::from_secs(30);
        let waited = tokio::time::timeout(patience, async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        });
        waited.await.unwrap();
    }

    #[tokio::test]
    async fn an_attempt_that_never_ends_gives_its_place_back() {
        let (mut performer, under_way) = performer(Duration::from_millis(20));
        started(&mut performer);
        assert!(!performer.takes_more());
        let ended = Arc::clone(&performer.ended);
        until(|| !ended.lock().unwrap().is_empty()).await;
        let ended = performer.take_ended(2);
        assert!(matches!(
            &ended[0].attempt,
            Attempt::Retry { dependency_failed: true, reason, .. } if reason.contains("20ms")
        ));
        until(|| under_way.load(Ordering::SeqCst) == 0).await;
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_the_next_shard() {
        let (mut performer, _) = performer(Duration::from_millis(20));
        let mut shards: BTreeMap<i32, Shard> = (0..3)
            .map(|number| {
                let ids = ["a", "b"].map(|name| format!("{name}{number}"));
                let rows = (1..).zip(&ids).map(|(at, id)| TaskRow::waiting(id, id, at));
                let mut tasks = TaskQueue::default();
                tasks.loaded(rows.collect(), false);
                (number, Shard::with_tasks(number, tasks))
            })
            .collect();
        let mut turns = Vec::new();
        for _ in 0..5 {
            // The attempt before has been heard of a moment before it ends.
            while performer.performing.is_empty() {
                performer.start(&mut shards, 1);
                tokio::task::yield_now().await;
            }
            turns.extend(performer.performing.iter().cloned());
            let ended = Arc::clone(&performer.ended);
            until(|| !ended.lock().unwrap().is_empty()).await;
            performer.take_ended(1);
        }
        assert_eq!(turns, ["a0", "a1", "a2", "b0", "b1"]);
    }

    #[tokio::test]
    async fn abandoned_attempts_end() {
        let (mut performer, under_way) = performer(Duration::from_secs(3600));
        started(&mut performer);
        until(|| under_way.load(Ordering::SeqCst) == 1).await;
        performer.abandon();
        until(|| under_way.load(Ordering::SeqCst) == 0).await;
    }
}
