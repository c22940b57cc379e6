//! The payment group: holds the money when something is bought, takes it when the goods are handed
//! over, lets go of it or gives it back when the purchase ends, and keeps the ledger.
//!
//! It reads purchases, what inventory states and what dispatch states; it calls nobody but the
//! provider, and that only through tasks ([`tasks`]). What is to be done follows from the row alone
//! ([`step`]). Of a purchase that is paid in part by gift card, the provider holds and takes the
//! card's part; facts and ledger carry the whole amount, and the ledger tells the parts apart.

pub mod answer;
pub mod decide;
pub mod event;
pub mod explain;
pub mod ledger;
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

pub use event::PaymentEvent;
pub use explain::explain;
pub use rows::{Payment, PaymentKeys, PaymentRows};
pub use state::State;
pub use tasks::{ProviderConfig, ProviderWorker};

/// The topics that the group reads.
pub const TOPICS: [&str; 3] = [topics::PURCHASES, topics::RESERVATIONS, topics::SHIPMENTS];

/// The group's tables as numbered SQL.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "payments and the ledger",
        postgres: include_str!("../migrations/0001_payments.postgres.sql"),
        sqlite: include_str!("../migrations/0001_payments.sqlite.sql"),
    },
    Migration {
        number: 2,
        name: "disputed authorisations",
        postgres: include_str!("../migrations/0002_disputed.postgres.sql"),
        sqlite: include_str!("../migrations/0002_disputed.sqlite.sql"),
    },
    Migration {
        number: 3,
        name: "room to update",
        postgres: include_str!("../migrations/0003_room_to_update.postgres.sql"),
        sqlite: include_str!("../migrations/0003_room_to_update.sqlite.sql"),
    },
    Migration {
        number: 4,
        name: "returns of what was not paid",
        postgres: include_str!("../migrations/0004_credited.postgres.sql"),
        sqlite: include_str!("../migrations/0004_credited.sqlite.sql"),
    },
];

/// The group.
#[derive(Debug, Clone)]
pub struct PaymentGroup {
    codec: Arc<Codec>,
    method_on_file: String,
}

impl PaymentGroup {
    /// The group, reading and writing records with a codec.
    ///
    /// `method_on_file` is the provider's payment method for purchases that name a card without
    /// saying which: version 1 cannot say, and version 2 need not.
    #[must_use]
    pub fn new(codec: Arc<Codec>, method_on_file: impl Into<String>) -> Self {
        Self {
            codec,
            method_on_file: method_on_file.into(),
        }
    }
}

impl Group for PaymentGroup {
    const NAME: &'static str = "payment";
    type Event = PaymentEvent;
    type Fact = Fact;
    type Rows = PaymentRows;

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn topics(&self) -> Vec<String> {
        TOPICS.map(String::from).to_vec()
    }

    fn publishes(&self) -> Vec<String> {
        vec![topics::PAYMENTS.to_owned()]
    }

    fn decode(&self, record: &Record) -> Result<PaymentEvent, Refusal> {
        self.codec.read(record).map(PaymentEvent::Event)
    }

    fn answered(&self, task: &Task, answer: &Answer) -> Result<PaymentEvent, Refusal> {
        let unknown = |what: String| Refusal::decode("unknown_answer", what);
        let call = event::Call::parse(&task.kind)
            .ok_or_else(|| unknown(format!("to a task of kind {}", task.kind)))?;
        let outcome = serde_json::from_value(answer.0.clone())
            .map_err(|error| unknown(format!("to {}: {error}", task.kind)))?;
        Ok(PaymentEvent::Answer {
            purchase_id: task.key.clone(),
            call,
            outcome,
        })
    }

    fn due(&self, timer: &Timer) -> Result<PaymentEvent, Refusal> {
        let detail = format!("payment sets no timers, not even {}", timer.kind);
        Err(Refusal::decode("unknown_timer", detail))
    }

    fn touches(&self, event: &PaymentEvent, keys: &mut PaymentKeys) {
        if let Some(purchase_id) = event.concerns() {
            keys.payments.insert(purchase_id.to_owned());
        }
    }

    fn decide(
        &self,
        rows: &mut PaymentRows,
        event: &PaymentEvent,
        now: Timestamp,
        effects: &mut Effects<Fact>,
    ) -> Result<Decision, Refusal> {
        decide::decide(&self.method_on_file, rows, event, now, effects)
    }

    fn encode(&self, fact: &Fact) -> Outgoing {
        self.codec.write(fact)
    }
}
