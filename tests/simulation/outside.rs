//! The provider and the carrier, as far as the groups can see them: what was asked under a name is done
//! once; some cards and shipments are refused, some money cannot be taken when it is time, some
//! answers name another amount, and some say nothing of what was done. A call stands at a gate until
//! it is made; whether its reply is heard is the scheduler's to say.

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
    pub(crate) held: BTreeMap<String, Money>,
    pub(crate) captured: BTreeMap<String, Money>,
    pub(crate) refunded: BTreeMap<String, Money>,
    pub(crate) handed_over: BTreeSet<String>,
}

/// An amount in minor units, and its currency.
pub(crate) type Money = (i64, String);

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

    /// Whether a task was answered.
    pub(crate) fn has_said(&self, task_id: &str) -> bool {
        self.said.contains_key(task_id)
    }

    /// How many answers have named another amount than was asked.
    pub(crate) fn disputed(&self) -> usize {
        let said = self.said.iter();
        said.filter(|(task_id, answer)| is_disputed(task_id, answer))
            .count()
    }

    fn act(&mut self, task: &Task) -> Result<Value, Broken> {
        let (id, ask) = (task.key.clone(), &task.payload);
        if task.kind == "hand_over" {
            return self.hand_over(&id, ask);
        }
        let amount = ask["amount_minor"].as_i64().unwrap_or_default();
        let currency = ask["currency"].as_str().unwrap_or_default().to_owned();
        let money = (amount, currency.clone());
        let name = &task.task_id;
        let holds = |holds: bool, what: &str| match holds {
            true => Ok(()),
            false => Err(format!("I2: {name} of {amount}: {what}")),
        };
        match task.kind.as_str() {
            "authorise" => return self.authorise(name, ask, money),
            "release" => {
                let held = self.held.remove(&id).is_some();
                let intents: Vec<String> = held.then(|| format!("pi_{id}")).into_iter().collect();
                return Ok(json!({"outcome": "released", "intents": intents}));
            }
            "void" => {
                let held = self.held.remove(&id);
                let is_ours = held == Some(money) || held.is_some() && is_another_amount(&id);
                holds(is_ours, "it is not held")?;
            }
            "capture" => {
                holds(self.held.get(&id) == Some(&money), "it is not held")?;
                match fate(&id, CAPTURE) {
                    b'3' => {
                        self.held.remove(&id);
                        return Ok(json!({
                            "outcome": "declined", "reason": "card_declined", "attempts": 1,
                        }));
                    }
                    b'9' => {
                        self.held.remove(&id);
                        return Ok(json!({
                            "outcome": "rejected",
                            "code": "payment_intent_unexpected_state",
                            "detail": "the hold has lapsed",
                        }));
                    }
                    _ => {}
                }
                self.held.remove(&id);
                let before = self.captured.insert(id.clone(), money);
                holds(before.is_none(), "it is charged twice")?;
            }
            "refund" => {
                holds(self.captured.get(&id) == Some(&money), "it is not charged")?;
                let before = self.refunded.insert(id.clone(), money);
                holds(before.is_none(), "it is given back twice")?;
            }
            _ => return Err(format!("I2: nobody asked for {name} in these stories")),
        }
        Ok(done(task.kind.as_str(), &id, (amount, &currency)))
    }

    fn authorise(&mut self, name: &str, ask: &Value, money: Money) -> Result<Value, Broken> {
        let id = ask["purchase_id"].as_str().unwrap_or_default().to_owned();
        let method = ask["payment_method"].as_str().unwrap_or_default();
        if method.to_lowercase().contains("decline") {
            return Ok(json!({
                "outcome": "declined", "reason": "generic_decline", "attempts": 1,
            }));
        }
        let (amount, currency) = money;
        let is_untraced = fate(&id, TRACE) == b'd';
        let said = match is_another_amount(&id) {
            true => amount + 1,
            false => amount,
        };
        // What left no trace was made all the same, of every other purchase.
        if !is_untraced || fate(&id, CAPTURE).is_multiple_of(2) {
            let before = self.held.insert(id.clone(), (said, currency.clone()));
            if before.is_some() || self.captured.contains_key(&id) {
                return Err(format!("I2: {name} of {amount}: the money is held twice"));
            }
        }
        match is_untraced {
            true => Ok(json!({"outcome": "untraced"})),
            false => Ok(done("authorise", &id, (said, &currency))),
        }
    }

    fn hand_over(&mut self, id: &str, ask: &Value) -> Result<Value, Broken> {
        if fate(id, CARRIER) == b'7' {
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

/// Which character of a purchase's id says what becomes of it, counted from its end: a function of the
/// purchase, so that a run can be repeated.
const CARRIER: usize = 1;
const CAPTURE: usize = 2;
const AMOUNT: usize = 3;
const TRACE: usize = 4;

fn fate(id: &str, place: usize) -> u8 {
    let character = id.len().checked_sub(place);
    let character = character.and_then(|at| id.as_bytes().get(at));
    character.copied().unwrap_or_default()
}

/// Whether more is held for a purchase than was asked for.
fn is_another_amount(id: &str) -> bool {
    fate(id, TRACE) != b'd' && fate(id, AMOUNT) == b'c'
}

/// Whether the answer to this task names another amount than was asked.
fn is_disputed(task_id: &str, answer: &Value) -> bool {
    let asked = task_id.split_once(':');
    asked.is_some_and(|(id, step)| step == "authorise" && is_another_amount(id))
        && answer["outcome"] == "done"
}

fn done(kind: &str, id: &str, (amount, currency): (i64, &str)) -> Value {
    json!({
        "outcome": "done",
        "intent": format!("pi_{id}"),
        "refund": (kind == "refund").then(|| format!("re_{id}")),
        "amount_minor": amount,
        "currency": currency,
        "purchase_id": id,
    })
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
