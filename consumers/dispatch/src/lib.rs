//! The dispatch group: joins the answers of payment and inventory, ships when a purchase is paid
//! and reserved, and is the only one that cancels.
//!
//! It owns the deadlines ([`Deadlines`]) and calls nobody but the carrier, and that only through a
//! task ([`tasks`]). What is to be done follows from the row alone ([`step`]), the handshake with
//! inventory included.

pub mod deadlines;
pub mod decide;
mod effects;
pub mod event;
pub mod explain;
pub mod rows;
pub mod state;
pub mod step;
pub mod tasks;

use std::sync::Arc;

use codec::Codec;
use runtime::{
    Answer, Decision, Effects, Group, Outgoing, Record, Refusal, Task, Timer, Timestamp,
    store::Migration,
};
use schemas::{Fact, topics};

pub use deadlines::Deadlines;
pub use event::DispatchEvent;
pub use explain::explain;
pub use rows::{Dispatch, DispatchKeys, DispatchRows};
pub use state::State;
pub use tasks::{CarrierConfig, CarrierWorker};

/// The topics that the group reads.
pub const TOPICS: [&str; 3] = [topics::PURCHASES, topics::PAYMENTS, topics::RESERVATIONS];

/// The group's tables as numbered SQL.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "dispatches",
        postgres: include_str!("../migrations/0001_dispatches.postgres.sql"),
        sqlite: include_str!("../migrations/0001_dispatches.sqlite.sql"),
    },
    Migration {
        number: 2,
        name: "returns",
        postgres: include_str!("../migrations/0002_returns.postgres.sql"),
        sqlite: include_str!("../migrations/0002_returns.sqlite.sql"),
    },
    Migration {
        number: 3,
        name: "room to update",
        postgres: include_str!("../migrations/0003_room_to_update.postgres.sql"),
        sqlite: include_str!("../migrations/0003_room_to_update.sqlite.sql"),
    },
];

/// The group.
#[derive(Debug, Clone)]
pub struct DispatchGroup {
    codec: Arc<Codec>,
    deadlines: Deadlines,
}

impl DispatchGroup {
    /// The group, reading and writing records with a codec.
    #[must_use]
    pub fn new(codec: Arc<Codec>, deadlines: Deadlines) -> Self {
        Self { codec, deadlines }
    }
}

impl Group for DispatchGroup {
    const NAME: &'static str = "dispatch";
    type Event = DispatchEvent;
    type Fact = Fact;
    type Rows = DispatchRows;

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn topics(&self) -> Vec<String> {
        TOPICS.map(String::from).to_vec()
    }

    fn publishes(&self) -> Vec<String> {
        vec![topics::SHIPMENTS.to_owned()]
    }

    fn decode(&self, record: &Record) -> Result<DispatchEvent, Refusal> {
        self.codec.read(record).map(DispatchEvent::Event)
    }

    fn answered(&self, task: &Task, answer: &Answer) -> Result<DispatchEvent, Refusal> {
        let unknown = |what: String| Refusal::decode("unknown_answer", what);
        if task.kind != event::HAND_OVER {
            return Err(unknown(format!("to a task of kind {}", task.kind)));
        }
        let outcome = serde_json::from_value(answer.0.clone())
            .map_err(|error| unknown(format!("to {}: {error}", task.kind)))?;
        Ok(DispatchEvent::Answer {
            purchase_id: task.key.clone(),
            outcome,
        })
    }

    fn due(&self, timer: &Timer) -> Result<DispatchEvent, Refusal> {
        let deadline = event::Deadline::parse(&timer.kind)
            .ok_or_else(|| Refusal::decode("unknown_timer", format!("of kind {}", timer.kind)))?;
        Ok(DispatchEvent::Timer {
            purchase_id: timer.key.clone(),
            deadline,
        })
    }

    fn touches(&self, event: &DispatchEvent, keys: &mut DispatchKeys) {
        if let Some(purchase_id) = event.concerns() {
            keys.dispatches.insert(purchase_id.to_owned());
        }
    }

    fn decide(
        &self,
        rows: &mut DispatchRows,
        event: &DispatchEvent,
        now: Timestamp,
        effects: &mut Effects<Fact>,
    ) -> Result<Decision, Refusal> {
        decide::decide(&self.deadlines, rows, event, now, effects)
    }

    fn encode(&self, fact: &Fact) -> Outgoing {
        self.codec.write(fact)
    }
}
