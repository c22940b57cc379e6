//! Where processes stand still until the scheduler lets them go on: before a transaction, before and
//! after its commit, and at every call to the outside.
//!
//! So each of these is a step at which anything can happen in between: another process goes on, this
//! one ends or stands still for long, its call fails or its reply is lost.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use runtime::{Answer, Task};
use tokio::sync::oneshot;

/// A process: the group's place among the groups, and the process's number in the run.
pub(crate) type ProcessId = (usize, u32);

/// At which point of a transaction a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    Begin,
    Commit,
    Committed,
}

/// What becomes of a database call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Made,
    /// It is not made, and fails.
    Fails,
    /// It is made, and its reply is lost.
    LosesReply,
}

/// What a process waits for.
#[derive(Debug)]
pub(crate) enum Waits {
    Store(Point, oneshot::Sender<Pass>),
    /// None when no answer comes.
    Call(Task, oneshot::Sender<Option<Answer>>),
}

/// Everything that waits, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    number: u64,
    waits: BTreeMap<u64, (ProcessId, Waits)>,
}

impl Gates {
    /// Waits at a point of a transaction.
    pub(crate) async fn store(&self, process: ProcessId, point: Point) -> Pass {
        let (told, pass) = oneshot::channel();
        self.add(process, Waits::Store(point, told));
        pass.await.unwrap_or(Pass::Fails)
    }

    /// Waits for the answer to a task; none when it is lost.
    pub(crate) async fn call(&self, process: ProcessId, task: &Task) -> Option<Answer> {
        let (told, answer) = oneshot::channel();
        self.add(process, Waits::Call(task.clone(), told));
        answer.await.unwrap_or(None)
    }

    /// What waits: number, process and, of a transaction, the point. What nobody waits for any more
    /// is forgotten, but for calls: they may be on their way.
    pub(crate) fn waiting(&self) -> Vec<(u64, ProcessId, Option<Point>)> {
        let mut waiting = self.lock();
        (waiting.waits)
            .retain(|_, (_, waits)| !matches!(waits, Waits::Store(_, told) if told.is_closed()));
        let point = |waits: &Waits| match waits {
            Waits::Store(point, _) => Some(*point),
            Waits::Call(..) => None,
        };
        (waiting.waits.iter())
            .map(|(number, (process, waits))| (*number, *process, point(waits)))
            .collect()
    }

    /// Takes what waits under a number.
    pub(crate) fn take(&self, number: u64) -> Option<(ProcessId, Waits)> {
        self.lock().waits.remove(&number)
    }

    fn add(&self, process: ProcessId, waits: Waits) {
        let mut waiting = self.lock();
        let number = waiting.number;
        waiting.number += 1;
        waiting.waits.insert(number, (process, waits));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
