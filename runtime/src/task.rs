//! Remote work and deadlines: durable, owned by their shard, done after the batch that wrote them.
//!
//! A task is a row written in the batch that decided on it. A worker performs it and its answer
//! comes back as an input of the same shard. Tasks of one key are performed one at a time, in the
//! order in which they were written; tasks of different keys side by side.

use std::{future::Future, time::Duration};

/// A task as `decide` asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Deterministic: `purchase_id:step`. Asking for a task that exists does nothing. It is the
    /// idempotency key towards the outside.
    pub task_id: String,
    /// Tasks of one key are performed in order, one at a time.
    pub key: String,
    /// What to do: a bounded set of words, the label of the metric.
    pub kind: &'static str,
    /// What the worker needs to know, as JSON.
    pub payload: serde_json::Value,
    /// The event that caused it.
    pub causation_id: String,
}

/// A task as it is stored and performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// See [`NewTask::task_id`].
    pub task_id: String,
    /// The shard that owns it.
    pub shard: i32,
    /// Its place in the order of the shard.
    pub sequence: i64,
    /// See [`NewTask::key`].
    pub key: String,
    /// See [`NewTask::kind`].
    pub kind: String,
    /// See [`NewTask::payload`].
    pub payload: serde_json::Value,
    /// See [`NewTask::causation_id`].
    pub causation_id: String,
    /// The trace that it belongs to, as a W3C `traceparent`.
    pub traceparent: Option<String>,
    /// When it was written, microseconds.
    pub created_at: i64,
    /// How often it was tried without an answer.
    pub attempts: u32,
}

/// What a worker found out, as JSON that `Group::answered` understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(pub serde_json::Value);

/// How one attempt at a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It is answered; the answer is final.
    Answered(Answer),
    /// No answer, or one that says "later": tried again with the same task id, after at least
    /// `after` when the other side said so, and else after a growing, jittered back-off.
    Retry {
        /// What happened, for logs and `/status`.
        reason: String,
        /// The other side's `Retry-After`.
        after: Option<Duration>,
        /// Whether it counts against the dependency's circuit breaker (a time-out, a 5xx), or is
        /// particular to this task.
        dependency_failed: bool,
    },
}

/// Performs the tasks of a group. `perform` must be safe to call again after any outcome, a crash
/// in the middle included: the task id is the idempotency key.
pub trait Worker: Send + Sync + 'static {
    /// Who answers, as it is named in the status, a metric and the log when it does not.
    const DEPENDENCY: &'static str = "tasks";

    /// Performs one attempt.
    fn perform(&self, task: &Task) -> impl Future<Output = Attempt> + Send;
}

/// The worker of a group that has no remote work.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTasks;

impl Worker for NoTasks {
    async fn perform(&self, task: &Task) -> Attempt {
        Attempt::Retry {
            reason: format!("no worker performs tasks of kind {}", task.kind),
            after: Some(Duration::from_secs(60)),
            dependency_failed: false,
        }
    }
}

/// A timer as `decide` asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTimer {
    /// Deterministic: `purchase_id:deadline`.
    pub timer_id: String,
    /// The key that it belongs to.
    pub key: String,
    /// A bounded set of words.
    pub kind: &'static str,
    /// When it is due, microseconds since the epoch.
    pub due_at: i64,
    /// The event that caused it.
    pub causation_id: String,
}

/// A timer as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// See [`NewTimer::timer_id`].
    pub timer_id: String,
    /// The shard that owns it.
    pub shard: i32,
    /// See [`NewTimer::key`].
    pub key: String,
    /// See [`NewTimer::kind`].
    pub kind: String,
    /// See [`NewTimer::due_at`].
    pub due_at: i64,
    /// See [`NewTimer::causation_id`].
    pub causation_id: String,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
}
