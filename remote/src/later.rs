//! What is not answered yet: to be tried again, and why.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runtime::{Attempt, Task};

/// Not answered; to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Why, in a few words; shown by `explain` and in the log.
    pub reason: String,
    /// How long to wait, if the service said so.
    pub after: Option<Duration>,
    /// Whether the service itself is at fault, so that other tasks had better wait too.
    pub dependency_failed: bool,
}

impl Later {
    /// The service is away or unwell.
    pub fn unwell(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            after: None,
            dependency_failed: true,
        }
    }

    /// This one task has to wait.
    pub fn busy(reason: impl Into<String>) -> Self {
        Self {
            dependency_failed: false,
            ..Self::unwell(reason)
        }
    }
}

impl From<Later> for Attempt {
    fn from(later: Later) -> Self {
        Self::Retry {
            reason: later.reason,
            after: later.after,
            dependency_failed: later.dependency_failed,
        }
    }
}

/// A task that was written by a newer build: that build will know it.
pub fn unreadable(task: &Task) -> Attempt {
    Later {
        after: Some(Duration::from_secs(60)),
        ..Later::busy(format!("this build cannot read the task {}", task.kind))
    }
    .into()
}

/// Whether a task was written longer ago than this: an idempotency key is forgotten some day.
pub fn is_older(task: &Task, age: Duration) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    let created_at = u128::try_from(task.created_at).unwrap_or(0);
    now.saturating_sub(created_at) > age.as_micros()
}
