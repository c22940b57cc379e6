//! Letting go of whatever the provider holds for a purchase, known to us or not.
//!
//! For money of which we have no reference: an authorisation whose outcome could not be found out,
//! or whose answer named nothing. The search lags, so that finding nothing counts only once it has
//! had its time since the task was written; what it shows is cancelled, each intent under a key of
//! its own, until nothing is held any more.

use remote::{Later, bounded, is_older};
use runtime::{Attempt, Task};
use serde_json::Value;

use super::{ProviderWorker, answered, reply::Reply};
use crate::event::{Ask, Outcome};

impl ProviderWorker {
    /// One look and, where something is held, one cancellation each.
    pub(super) async fn release(&self, task: &Task, ask: &Ask) -> Attempt {
        let intents = match self.provider.search(&ask.purchase_id).await {
            Ok(intents) => intents,
            Err(later) => return later.into(),
        };
        let mut let_go = Vec::new();
        for intent in &intents {
            let word = |name: &str| intent.get(name).and_then(Value::as_str).unwrap_or_default();
            let (id, status) = (bounded(word("id")), word("status"));
            // The search may be behind: the intent itself says where it stands.
            if status == "canceled" {
                let_go.push(id);
                continue;
            }
            match self.cancel(task, &id).await {
                Ok(true) => let_go.push(id),
                Ok(false) => {
                    let detail = format!("intent {id} of a purchase that is over is not let go");
                    return answered(task, Outcome::Mismatch { detail });
                }
                Err(later) => return later.into(),
            }
        }
        if !is_older(task, self.search_lag) {
            let wait = Later {
                after: Some(self.search_lag),
                ..Later::busy("the search may not show yet what is held")
            };
            return wait.into();
        }
        answered(task, Outcome::Released { intents: let_go })
    }

    /// Whether an intent is cancelled now. One that has been taken cannot be.
    async fn cancel(&self, task: &Task, intent: &str) -> Result<bool, Later> {
        match status_of(self.provider.intent(intent).await)?.as_str() {
            "canceled" => return Ok(true),
            "succeeded" => return Ok(false),
            _ => {}
        }
        let key = format!("{}:{intent}", task.task_id);
        match self.provider.cancel(intent, &key).await {
            Reply::Body(body) if body.get("status").and_then(Value::as_str) == Some("canceled") => {
                Ok(true)
            }
            Reply::ServerError { replayed: true, .. } => {
                let key = format!("{key}:{}", u64::from(task.attempts) + 1);
                let status = status_of(self.provider.cancel(intent, &key).await)?;
                Ok(status == "canceled")
            }
            Reply::Later(later) | Reply::ServerError { later, .. } => Err(later),
            other => Err(Later::busy(format!("cancelling was answered {other:?}"))),
        }
    }
}

fn status_of(reply: Reply) -> Result<String, Later> {
    match reply {
        Reply::Body(body) => match body.get("status").and_then(Value::as_str) {
            Some(status) => Ok(bounded(status)),
            None => Err(Later::unwell("an intent without a status")),
        },
        Reply::Later(later) | Reply::ServerError { later, .. } => Err(later),
        other => Err(Later::busy(format!("the intent was answered {other:?}"))),
    }
}
