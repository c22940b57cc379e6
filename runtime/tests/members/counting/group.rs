//! The group under test: `add:<event>:<amount>` adds to the counter of its key; other words do what
//! a group may have to do with an input.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use runtime::{
    Answer, Attempt, Decision, Effects, Group, Headers, NewTask, NewTimer, Outgoing, Record,
    Refusal, Task, Timer, Timestamp, Worker, store::Migration,
};

runtime::table! {
    /// A counter.
    pub struct Counter in "counters" {
        key {
            /// Its name.
            counter: String,
        }
        /// The sum.
        total: i64,
        /// The events, in order.
        history: String,
    }
}

runtime::row_sets! {
    /// All counters of a batch.
    pub struct Counters, keys CounterKeys {
        load counters: Counter,
    }
}

#[derive(Debug)]
pub(crate) struct Input {
    word: String,
    event_id: String,
    amount: i64,
    key: String,
}

pub(crate) struct Counting {
    topic: String,
    reader_version: u32,
    accepts: Arc<AtomicBool>,
}

impl Counting {
    pub(crate) fn new(topic: &str, reader_version: u32, accepts: Arc<AtomicBool>) -> Self {
        Self {
            topic: topic.to_owned(),
            reader_version,
            accepts,
        }
    }
}

const TABLES: &str = "CREATE TABLE counters (counter text PRIMARY KEY, \
                      total bigint NOT NULL CHECK (total >= 0), history text NOT NULL);";

impl Group for Counting {
    const NAME: &'static str = "counting";
    type Event = Input;
    type Fact = (String, String);
    type Rows = Counters;

    fn migrations(&self) -> &'static [Migration] {
        &[Migration {
            number: 1,
            name: "counters",
            postgres: TABLES,
            sqlite: TABLES,
        }]
    }

    fn topics(&self) -> Vec<String> {
        vec![self.topic.clone()]
    }

    fn publishes(&self) -> Vec<String> {
        vec!["counted.v1".to_owned()]
    }

    fn decode(&self, record: &Record) -> Result<Input, Refusal> {
        let text = record
            .payload
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        let mut parts = text.unwrap_or_default().split(':');
        let (Some(word), Some(event_id), Some(amount)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::decode(
                "not_understood",
                "expected word:event:amount",
            ));
        };
        if word == "v3" && self.reader_version < 3 {
            return Err(Refusal::Parked { min_reader: 3 });
        }
        Ok(Input {
            word: word.to_owned(),
            event_id: event_id.to_owned(),
            amount: amount
                .parse()
                .map_err(|_| Refusal::decode("not_understood", "amount"))?,
            key: String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned(),
        })
    }

    fn answered(&self, task: &Task, answer: &Answer) -> Result<Input, Refusal> {
        let amount = answer.0.as_i64().unwrap_or_default();
        let event_id = format!("{}-done", task.task_id);
        Ok(Input {
            word: word_of(&task.task_id),
            event_id,
            amount,
            key: task.key.clone(),
        })
    }

    fn due(&self, timer: &Timer) -> Result<Input, Refusal> {
        let event_id = format!("{}-due", timer.timer_id);
        Ok(Input {
            word: word_of(&timer.timer_id),
            event_id,
            amount: 1,
            key: timer.key.clone(),
        })
    }

    fn touches(&self, event: &Input, keys: &mut CounterKeys) {
        assert!(event.word != "touchy", "asked to panic");
        keys.counters.insert(event.key.clone());
    }

    fn decide(
        &self,
        rows: &mut Counters,
        event: &Input,
        now: Timestamp,
        effects: &mut Effects<Self::Fact>,
    ) -> Result<Decision, Refusal> {
        let key = (event.key.clone(),);
        let counter = rows.counters.get(&key).cloned().unwrap_or(Counter {
            counter: event.key.clone(),
            total: 0,
            history: String::new(),
        });
        if counter
            .history
            .split_whitespace()
            .any(|seen| seen == event.event_id)
        {
            return Ok(Decision::Duplicate);
        }
        let history = format!("{} {}", counter.history, event.event_id);
        let added = Counter {
            total: counter.total + event.amount,
            history,
            ..counter
        };
        let key = event.key.clone();
        match event.word.as_str() {
            "task" => effects.task(NewTask {
                task_id: event.event_id.clone(),
                key,
                kind: "count",
                payload: event.amount.into(),
                causation_id: event.event_id.clone(),
            }),
            "timer" => effects.timer(NewTimer {
                timer_id: event.event_id.clone(),
                key,
                kind: "count",
                due_at: now
                    + if event.event_id.starts_with("slow") {
                        3_000_000
                    } else {
                        100_000
                    },
                causation_id: event.event_id.clone(),
            }),
            "cancel" => effects.cancel_timer(event.event_id.clone()),
            word => {
                rows.counters.put(added);
                effects.emit((event.event_id.clone(), key));
                assert!(word != "panic", "asked to panic");
                if word == "refuse" && !self.accepts.load(Ordering::Relaxed) {
                    return Err(Refusal::decide("refused", "asked to refuse"));
                }
            }
        }
        Ok(Decision::Applied)
    }

    fn encode(&self, (event_id, key): &(String, String)) -> Outgoing {
        assert!(!event_id.starts_with("unsayable"), "asked to panic");
        // A topic of which the group says nothing beforehand.
        let is_stray = event_id.starts_with("stray");
        let topic = if is_stray { "stray.v1" } else { "counted.v1" };
        let mut headers = Headers::default();
        headers.push("id", event_id.as_bytes());
        Outgoing {
            event_id: event_id.clone(),
            topic: topic.to_owned(),
            key: key.clone().into_bytes(),
            payload: Some(event_id.clone().into_bytes()),
            headers,
        }
    }
}

/// The answers and timers of what is called shy are refused at first.
fn word_of(name: &str) -> String {
    let word = if name.starts_with("shy") {
        "refuse"
    } else {
        "add"
    };
    word.to_owned()
}

/// Fails every first attempt; what is called away has nobody who answers until it is accepted.
pub(crate) struct Flaky {
    pub(crate) attempts: Arc<AtomicU64>,
    pub(crate) accepts: Arc<AtomicBool>,
}

impl Worker for Flaky {
    const DEPENDENCY: &'static str = "counter";

    async fn perform(&self, task: &Task) -> Attempt {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if task.key.starts_with("away") && !self.accepts.load(Ordering::Relaxed) {
            return Attempt::Retry {
                reason: "http 401".to_owned(),
                after: None,
                dependency_failed: true,
            };
        }
        if task.attempts == 0 {
            let after = Some(Duration::from_millis(20));
            return Attempt::Retry {
                reason: "first try".to_owned(),
                after,
                dependency_failed: false,
            };
        }
        Attempt::Answered(Answer(task.payload.clone()))
    }
}
