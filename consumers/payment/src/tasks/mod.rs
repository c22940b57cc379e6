//! Payment's remote work: one call to the provider per task, with the task id as idempotency key.
//!
//! An outcome that is not known is never assumed. A time-out, a lost connection, a 409, 429 or 5xx
//! is tried again under the same key. Three cases need more than that, because the key alone cannot
//! settle them: a 500 is saved by the provider and replayed for ever, so is a reply that says "not
//! yet", and a key is forgotten after a day. There the provider is asked what it holds ([`lookup`])
//! before anything is posted again. What cannot be found out that way ends the attempt to get the
//! money, and whatever turns up of it later is let go ([`release`]).

mod config;
mod lookup;
mod provider;
mod reading;
mod release;
mod reply;

use std::time::Duration;

use remote::{Later, RemoteError, is_older, unreadable};
use runtime::{Answer, Attempt, Task, Worker};

pub use config::ProviderConfig;

use crate::{
    answer::difference,
    event::{Ask, Call, Outcome},
};
use lookup::Found;
use provider::Provider;
use reply::Reply;

/// Asks the provider.
#[derive(Debug)]
pub struct ProviderWorker {
    provider: Provider,
    key_window: Duration,
    search_lag: Duration,
}

impl ProviderWorker {
    /// A worker with a pool of connections of its own.
    ///
    /// # Errors
    /// [`RemoteError`] when the address or the machine's TLS set-up is unusable.
    pub fn new(config: &ProviderConfig) -> Result<Self, RemoteError> {
        Ok(Self {
            provider: Provider::new(config)?,
            key_window: config.key_window,
            search_lag: config.search_lag,
        })
    }

    async fn attempt(&self, task: &Task, call: Call, ask: &Ask) -> Attempt {
        if call == Call::Release {
            return self.release(task, ask).await;
        }
        if is_older(task, self.key_window) {
            match self.provider.look_up(call, ask).await {
                Found::Outcome(outcome) => return answered(task, outcome),
                Found::Later(later) => return later.into(),
                Found::Nothing => return answered(task, Outcome::Untraced),
                // The provider says that it was not done, and refuses to do it twice.
                Found::NotDone => {}
            }
        }
        let key = mutants::broken(
            "provider-key-changes-on-retry",
            task.task_id.clone(),
            |key| format!("{key}:{}", task.attempts),
        );
        match self.provider.post(call, ask, &key).await {
            Reply::ServerError { later, replayed } => {
                self.after_server_error(task, call, ask, (later, replayed))
                    .await
            }
            reply => self.read(task, call, ask, reply).await,
        }
    }

    /// A 500 says nothing about the effect. One that was saved under the key is all that the key
    /// will ever say.
    async fn after_server_error(
        &self,
        task: &Task,
        call: Call,
        ask: &Ask,
        (later, replayed): (Later, bool),
    ) -> Attempt {
        match self.provider.look_up(call, ask).await {
            Found::Outcome(outcome) => answered(task, outcome),
            // The intent itself says that it was not done, and lets it be done once only: another
            // key is safe.
            Found::NotDone if replayed => {
                let key = format!("{}:{}", task.task_id, u64::from(task.attempts) + 1);
                let reply = self.provider.post(call, ask, &key).await;
                self.read(task, call, ask, reply).await
            }
            // Another key might hold the money twice. It is given up; should the search have been
            // behind by more than it says, what it shows later is let go.
            Found::Nothing if replayed && is_older(task, self.search_lag) => {
                answered(task, Outcome::Untraced)
            }
            Found::Later(_) | Found::NotDone | Found::Nothing => later.into(),
        }
    }

    /// What a reply to a call means.
    async fn read(&self, task: &Task, call: Call, ask: &Ask, reply: Reply) -> Attempt {
        match reply {
            Reply::Body(body) => match reading::outcome(call, &body) {
                Ok(Outcome::Done(said)) if difference(ask, call, &said).is_some() => {
                    // Heard wrong, or held wrong: what the provider holds decides.
                    let held = match call {
                        Call::Authorise => self.provider.look_at(call, &said.intent).await,
                        _ => self.provider.look_up(call, ask).await,
                    };
                    match held {
                        Found::Outcome(outcome) => answered(task, outcome),
                        Found::Later(later) => later.into(),
                        Found::NotDone | Found::Nothing => answered(task, Outcome::Done(said)),
                    }
                }
                Ok(outcome) => answered(task, outcome),
                // The key would only say "not yet" again; the object knows better by then.
                Err(later) => match self.provider.look_again(call, ask, &body).await {
                    Found::Outcome(outcome) => answered(task, outcome),
                    Found::Later(_) | Found::NotDone | Found::Nothing => later.into(),
                },
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
            Reply::Rejected { code, detail } => {
                self.rejected(task, call, ask, (code, detail)).await
            }
            Reply::ServerError { later, .. } | Reply::Later(later) => later.into(),
        }
    }

    /// A request that is refused because of where the intent stands may have been done already, by
    /// an attempt whose reply was lost and whose key is forgotten. One to hold money is only taken
    /// for refused once nothing is found to be held.
    async fn rejected(
        &self,
        task: &Task,
        call: Call,
        ask: &Ask,
        (code, detail): (String, String),
    ) -> Attempt {
        match self.provider.look_up(call, ask).await {
            Found::Outcome(outcome) => answered(task, outcome),
            Found::Later(later) => later.into(),
            Found::Nothing | Found::NotDone => answered(task, Outcome::Rejected { code, detail }),
        }
    }
}

impl Worker for ProviderWorker {
    const DEPENDENCY: &'static str = "provider";

    async fn perform(&self, task: &Task) -> Attempt {
        let ask = serde_json::from_value::<Ask>(task.payload.clone());
        match (Call::parse(&task.kind), ask) {
            (Some(call), Ok(ask)) => self.attempt(task, call, &ask).await,
            _ => unreadable(task),
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
