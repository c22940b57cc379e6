//! The provider and the carrier, as far as the groups can see them: what was asked under a name is done
//! once, answers get lost, and some cards and shipments are refused.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, rngs::StdRng};
use runtime::{Answer, Task};
use serde_json::{Value, json};

/// The share of calls whose answer is lost.
const LOST: f64 = 0.15;

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

impl Outside {
    /// Performs a task; none when the answer is lost, which says nothing of the effect.
    pub(crate) fn perform(&mut self, random: &mut StdRng, task: &Task) -> Option<Answer> {
        let is_lost = random.random_bool(LOST);
        // Neither done nor said.
        if is_lost && random.random_bool(0.5) {
            return None;
        }
        if !self.said.contains_key(&task.task_id) {
            let said = self.act(task);
            self.said.insert(task.task_id.clone(), said);
        }
        (!is_lost).then(|| Answer(self.said[&task.task_id].clone()))
    }

    fn act(&mut self, task: &Task) -> Value {
        let (id, ask) = (task.key.clone(), &task.payload);
        if task.kind == "hand_over" {
            return self.hand_over(&id, ask);
        }
        let amount = ask["amount_minor"].as_i64().unwrap();
        match task.kind.as_str() {
            "authorise" => {
                let method = ask["payment_method"].as_str().unwrap_or_default();
                if method.contains("Decline") || method.contains("decline") {
                    return json!({"outcome": "declined", "reason": "generic_decline", "attempts": 1});
                }
                assert_eq!(
                    self.held.insert(id.clone(), amount),
                    None,
                    "{id} held twice"
                );
            }
            "void" => assert_eq!(self.held.remove(&id), Some(amount), "{id} let go of"),
            "capture" => {
                assert_eq!(self.held.remove(&id), Some(amount), "{id} held");
                assert_eq!(
                    self.captured.insert(id.clone(), amount),
                    None,
                    "{id} charged twice"
                );
            }
            "refund" => {
                assert_eq!(self.captured.get(&id), Some(&amount), "{id} charged");
                assert_eq!(
                    self.refunded.insert(id.clone(), amount),
                    None,
                    "{id} given back twice"
                );
            }
            other => panic!("nobody asked for {other} in these stories"),
        }
        json!({
            "outcome": "done",
            "intent": format!("pi_{id}"),
            "refund": (task.kind == "refund").then(|| format!("re_{id}")),
            "amount_minor": amount,
            "currency": ask["currency"],
            "purchase_id": id,
        })
    }

    fn hand_over(&mut self, id: &str, ask: &Value) -> Value {
        // A function of the purchase, so that a run can be repeated.
        if id.as_bytes().last().is_some_and(|last| *last == b'7') {
            return json!({"outcome": "refused"});
        }
        assert!(
            self.handed_over.insert(id.to_owned()),
            "{id} handed over twice"
        );
        json!({
            "outcome": "handed_over",
            "shipment_id": ask["shipment_id"],
            "carrier": "carrier",
            "tracking": format!("track-{id}"),
        })
    }
}
