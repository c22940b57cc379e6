//! The provider and the carrier, as far as the groups can see them: what was asked under a name is done
//! once, and some cards and shipments are refused. A call stands at a gate until it is made; whether its
//! reply is heard is the scheduler's to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use runtime::{Answer, Attempt, Task, Worker};
use serde_json::{Value, json};

use crate::gates::{Gates, ProcessId};

/// What the outside has done, and what it said.
#[derive(Default)]
pub(crate) struct Outside {
    said: BTreeMap<String, Value>,
    /// Money held, taken and given back by purchase, minor units.
    pub(crate) held: BTreeMap<String, i64>,
    pub(crate) captured: BTreeMap<String, i64>,
    pub(crate) refunded: BTreeMap<String, i64>,
    pub(crate) handed_over: BTreeSet<String>,
}

/// What was asked for and may not be: the promise that it breaks.
pub(crate) type Broken = String;

impl Outside {
    /// Does what a task asks for, once, and says what became of it.
    pub(crate) fn perform(&mut self, task: &Task) -> Result<Answer, Broken> {
        if let Some(said) = self.said.get(&task.task_id) {
            return Ok(Answer(said.clone()));
        }
        let said = self.act(task)?;
        self.said.insert(task.task_id.clone(), said.clone());
        Ok(Answer(said))
    }

    fn act(&mut self, task: &Task) -> Result<Value, Broken> {
        let (id, ask) = (task.key.clone(), &task.payload);
        if task.kind == "hand_over" {
            return self.hand_over(&id, ask);
        }
        let amount = ask["amount_minor"].as_i64().unwrap_or_default();
        let name = &task.task_id;
        let holds = |holds: bool, what: &str| match holds {
            true => Ok(()),
            false => Err(format!("I2: {name} of {amount}: {what}")),
        };
        match task.kind.as_str() {
            "authorise" => {
                let method = ask["payment_method"].as_str().unwrap_or_default();
                if method.to_lowercase().contains("decline") {
                    return Ok(json!({
                        "outcome": "declined", "reason": "generic_decline", "attempts": 1,
                    }));
                }
                let before = self.held.insert(id.clone(), amount);
                let is_new = before.is_none() && !self.captured.contains_key(&id);
                holds(is_new, "the money is held twice")?;
            }
            "void" => holds(self.held.remove(&id) == Some(amount), "it is not held")?,
            "capture" => {
                holds(self.held.remove(&id) == Some(amount), "it is not held")?;
                let before = self.captured.insert(id.clone(), amount);
                holds(before.is_none(), "it is charged twice")?;
            }
            "refund" => {
                holds(self.captured.get(&id) == Some(&amount), "it is not charged")?;
                let before = self.refunded.insert(id.clone(), amount);
                holds(before.is_none(), "it is given back twice")?;
            }
            _ => return Err(format!("I2: nobody asked for {name} in these stories")),
        }
        Ok(json!({
            "outcome": "done",
            "intent": format!("pi_{id}"),
            "refund": (task.kind == "refund").then(|| format!("re_{id}")),
            "amount_minor": amount,
            "currency": ask["currency"],
            "purchase_id": id,
        }))
    }

    fn hand_over(&mut self, id: &str, ask: &Value) -> Result<Value, Broken> {
        // A function of the purchase, so that a run can be repeated.
        if id.as_bytes().last().is_some_and(|last| *last == b'7') {
            return Ok(json!({"outcome": "refused"}));
        }
        if !self.handed_over.insert(id.to_owned()) {
            return Err(format!("I5: {id} is handed over twice"));
        }
        Ok(json!({
            "outcome": "handed_over",
            "shipment_id": ask["shipment_id"],
            "carrier": "carrier",
            "tracking": format!("track-{id}"),
        }))
    }
}

/// A process's way to the outside.
pub(crate) struct Caller {
    pub(crate) process: ProcessId,
    pub(crate) gates: Arc<Gates>,
}

impl Worker for Caller {
    const DEPENDENCY: &'static str = "outside";

    async fn perform(&self, task: &Task) -> Attempt {
        match self.gates.call(self.process, task).await {
            Some(answer) => Attempt::Answered(answer),
            None => Attempt::Retry {
                reason: "no reply".to_owned(),
                after: None,
                dependency_failed: true,
            },
        }
    }
}
