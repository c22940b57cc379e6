//! The group under test: it has no memory of what it has seen, so whatever is applied twice counts
//! twice, and whatever is lost is missing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    Answer, Attempt, Decision, Effects, Group, Headers, NewTask, NewTimer, Outgoing, Record,
    Refusal, Task, Timer, Timestamp, Worker, store::Migration,
};

crate::table! {
    /// What happened to a key, in order.
    pub struct Account in "accounts" {
        key {
            /// The key.
            account: String,
        }
        /// How many inputs were applied.
        inputs: i64,
        /// Which ones.
        history: String,
    }
}

crate::row_sets! {
    /// The accounts of a batch.
    pub struct Accounts, keys AccountKeys {
        load accounts: Account,
    }
}

/// An input: what to do, under which name, for which key.
#[derive(Debug)]
pub struct Input {
    word: String,
    name: String,
    key: String,
}

/// See the module. Records read `word name`.
pub struct Accounting {
    pub(super) is_upgraded: Arc<AtomicBool>,
    pub(super) world: u64,
}

const TABLES: &str = "CREATE TABLE accounts (account text PRIMARY KEY, inputs bigint NOT NULL, \
                      history text NOT NULL CHECK (history NOT LIKE '%poison%'))";

impl Group for Accounting {
    const NAME: &'static str = "accounting";
    type Event = Input;
    /// Its name, its key, and when it was decided on.
    type Fact = (String, String, Timestamp);
    type Rows = Accounts;

    fn migrations(&self) -> &'static [Migration] {
        &[Migration {
            number: 1,
            name: "accounts",
            postgres: TABLES,
            sqlite: TABLES,
        }]
    }
    fn topics(&self) -> Vec<String> {
        vec![super::TOPIC.to_owned()]
    }
    fn publishes(&self) -> Vec<String> {
        vec![super::OUT.to_owned()]
    }
    fn decode(&self, record: &Record) -> Result<Input, Refusal> {
        let text = |bytes: &Option<Vec<u8>>| {
            String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned()
        };
        let payload = text(&record.payload);
        let (word, name) = payload
            .split_once(' ')
            .ok_or_else(|| Refusal::decode("not_understood", "expected `word name`"))?;
        if word == "newer" && !self.is_upgraded.load(Ordering::SeqCst) {
            return Err(Refusal::Parked { min_reader: 3 });
        }
        Ok(Input {
            word: word.to_owned(),
            name: name.to_owned(),
            key: text(&record.key),
        })
    }
    fn answered(&self, task: &Task, answer: &Answer) -> Result<Input, Refusal> {
        let answered = answer.0.as_str().unwrap_or_default();
        Ok(Input {
            word: "answer".to_owned(),
            name: format!("{}={answered}", task.task_id),
            key: task.key.clone(),
        })
    }
    fn due(&self, timer: &Timer) -> Result<Input, Refusal> {
        Ok(Input {
            word: "due".to_owned(),
            name: format!("{}:due", timer.timer_id),
            key: timer.key.clone(),
        })
    }
    fn touches(&self, input: &Input, keys: &mut AccountKeys) {
        keys.accounts.insert(input.key.clone());
    }
    fn decide(
        &self,
        rows: &mut Accounts,
        input: &Input,
        now: Timestamp,
        effects: &mut Effects<Self::Fact>,
    ) -> Result<Decision, Refusal> {
        let Input { word, name, key } = input;
        let known = rows.accounts.get(&(key.clone(),)).cloned();
        let mut account = known.unwrap_or_else(|| Account {
            account: key.clone(),
            inputs: 0,
            history: String::new(),
        });
        account.inputs += 1;
        account.history = format!("{} {name}", account.history);
        rows.accounts.put(account);
        effects.emit((name.clone(), key.clone(), now));
        match word.as_str() {
            "task" => effects.task(NewTask {
                task_id: format!("{key}:{name}:task"),
                key: key.clone(),
                kind: "ask",
                payload: name.clone().into(),
                causation_id: name.clone(),
            }),
            "timer" => effects.timer(NewTimer {
                timer_id: format!("{key}:{name}:timer"),
                key: key.clone(),
                kind: "wait",
                due_at: now + 5_000,
                causation_id: name.clone(),
            }),
            "refuse" => return Err(Refusal::decide("refused", "asked to refuse")),
            _ => {}
        }
        Ok(Decision::Applied)
    }
    fn encode(&self, (name, key, decided_at): &Self::Fact) -> Outgoing {
        Outgoing {
            event_id: name.clone(),
            topic: super::OUT.to_owned(),
            key: key.clone().into_bytes(),
            payload: Some(format!("{} {name} {decided_at}", self.world).into_bytes()),
            headers: Headers::default(),
        }
    }
}

/// Answers a task at its second attempt, and with the same answer ever after.
#[derive(Default)]
pub struct Hesitant {
    attempts: Mutex<BTreeMap<String, u32>>,
}

impl Worker for Hesitant {
    async fn perform(&self, task: &Task) -> Attempt {
        let mut attempts = self.attempts.lock().unwrap();
        let tried = attempts.entry(task.task_id.clone()).or_default();
        *tried += 1;
        if *tried == 1 {
            return Attempt::Retry {
                reason: "first".to_owned(),
                after: None,
                dependency_failed: false,
            };
        }
        Attempt::Answered(Answer(task.payload.clone()))
    }
}
