//! Payment's remote work: one call to the provider per task, with the task id as idempotency key.
//!
//! An outcome that is not known is never assumed. A time-out, a lost connection, a 409, 429 or 5xx
//! is tried again under the same key. Two cases need more than that, because the key alone cannot
//! settle them: a 500 is saved by the provider and replayed for ever, and a key is forgotten after
//! a day. There the provider is asked what it holds before anything is posted again ([`lookup`]).

mod config;
mod lookup;
mod provider;
mod reading;
mod reply;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runtime::{Answer, Attempt, Task, Worker};

pub use config::ProviderConfig;
pub use provider::ProviderError;

use crate::event::{Ask, Call, Outcome};
use lookup::Found;
use provider::Provider;
use reply::Reply;

/// How long a task waits whose outcome only a person can find out.
const FOR_A_PERSON: Duration = Duration::from_secs(60 * 60);

/// Asks the provider.
#[derive(Debug)]
pub struct ProviderWorker {
    provider: Provider,
    key_window: Duration,
}

impl ProviderWorker {
    /// A worker with a pool of connections of its own.
    ///
    /// # Errors
    /// [`ProviderError`] when the address or the machine's TLS set-up is unusable.
    pub fn new(config: &ProviderConfig) -> Result<Self, ProviderError> {
        Ok(Self {
            provider: Provider::new(config)?,
            key_window: config.key_window,
        })
    }

    async fn attempt(&self, task: &Task, call: Call, ask: &Ask) -> Attempt {
        if self.key_may_be_forgotten(task) {
            match self.provider.look_up(call, ask).await {
                Found::Outcome(outcome) => return answered(task, outcome),
                Found::Later(later) => return later.into(),
                Found::Unknown(what) => return for_a_person(call, &what),
                // The provider says that it was not done, and refuses to do it twice.
                Found::NotDone => {}
            }
        }
        match self.provider.post(call, ask, &task.task_id).await {
            Reply::Body(body) => match reading::outcome(call, &body) {
                Ok(outcome) => answered(task, outcome),
                Err(later) => later.into(),
            },
            Reply::Declined { reason } => {
                let attempts = 1;
                answered(task, Outcome::Declined { reason, attempts })
            }
            Reply::KeyOfOtherParameters => answered(
                task,
                Outcome::Mismatch {
                    detail: "its idempotency key was used with other parameters".to_owned(),
                },
            ),
            Reply::Rejected { code } => self.rejected(task, call, ask, code).await,
            Reply::ServerError(later) => match self.provider.look_up(call, ask).await {
                Found::Outcome(outcome) => answered(task, outcome),
                Found::Later(_) | Found::Unknown(_) | Found::NotDone => later.into(),
            },
            Reply::Later(later) => later.into(),
        }
    }

    /// A request that is refused because of where the intent stands may have been done already, by
    /// an attempt whose reply was lost and whose key is forgotten.
    async fn rejected(&self, task: &Task, call: Call, ask: &Ask, code: String) -> Attempt {
        if call == Call::Authorise {
            return answered(task, Outcome::Rejected { code });
        }
        match self.provider.look_up(call, ask).await {
            Found::Outcome(outcome) => answered(task, outcome),
            Found::Later(later) => later.into(),
            Found::Unknown(_) | Found::NotDone => answered(task, Outcome::Rejected { code }),
        }
    }

    fn key_may_be_forgotten(&self, task: &Task) -> bool {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        let created_at = u128::try_from(task.created_at).unwrap_or(0);
        now.saturating_sub(created_at) > self.key_window.as_micros()
    }
}

impl Worker for ProviderWorker {
    async fn perform(&self, task: &Task) -> Attempt {
        let ask = serde_json::from_value::<Ask>(task.payload.clone());
        match (Call::parse(&task.kind), ask) {
            (Some(call), Ok(ask)) => self.attempt(task, call, &ask).await,
            // Written by a newer build: that build will know it.
            _ => Attempt::Retry {
                reason: format!("this build cannot read the task {}", task.kind),
                after: Some(Duration::from_secs(60)),
                dependency_failed: false,
            },
        }
    }
}

fn answered(task: &Task, outcome: Outcome) -> Attempt {
    let outcome = match outcome {
        Outcome::Declined { reason, .. } => Outcome::Declined {
            reason,
            attempts: i32::try_from(task.attempts).map_or(i32::MAX, |n| n.saturating_add(1)),
        },
        other => other,
    };
    let answer = serde_json::to_value(outcome).expect("an enum of strings and integers is JSON");
    Attempt::Answered(Answer(answer))
}

fn for_a_person(call: Call, what: &str) -> Attempt {
    Attempt::Retry {
        reason: format!(
            "unknown_outcome: {} was first tried before the provider's key window, and {what}; \
             a person must find out",
            call.as_str()
        ),
        after: Some(FOR_A_PERSON),
        dependency_failed: false,
    }
}
