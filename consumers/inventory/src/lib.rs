//! The inventory group: reserves what was bought, all lines or none, gives it back when the
//! purchase ends or nobody asks in time, and takes it off when the goods leave.
//!
//! A shipment is asked for on a reservation that may have lapsed meanwhile, so inventory answers
//! every `ShipmentRequested`: with a firm reservation, which lapses no more, or with a rejection.
//! Goods never leave on anything but a firm one.

mod decide;
mod keeper;
mod reservation;
mod rows;
mod stock;

use std::{sync::Arc, time::Duration};

use codec::Codec;
use runtime::{
    Answer, Decision, Effects, Group, Outgoing, Record, Refusal, Task, Timer, Timestamp,
    store::Migration,
};
use schemas::{Event, Fact, topics};

pub use decide::EXPIRE;
pub use reservation::{State, Step};
pub use rows::{
    InventoryKeys, InventoryRows, MIGRATIONS, Reservation, ReservationLine, Stock, StockEvent,
    StockMovement,
};
pub use stock::MovementKind;

/// The topics that the group reads.
pub const TOPICS: [&str; 4] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::SHIPMENTS,
    topics::STOCK,
];

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From reserving to lapsing, unless a shipment asks before.
    pub reservation: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            reservation: Duration::from_secs(15 * 60),
        }
    }
}

impl Deadlines {
    fn reservation_micros(self) -> i64 {
        i64::try_from(self.reservation.as_micros()).unwrap_or(i64::MAX)
    }
}

/// What the group takes in.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An event of a topic.
    Event(Event),
    /// A reservation's time has come.
    Lapsed {
        /// The purchase.
        purchase_id: String,
        /// When it was to lapse, microseconds since the epoch.
        due_at: i64,
        /// The event that set the timer.
        causation_id: String,
    },
}

/// The group.
#[derive(Clone)]
pub struct InventoryGroup {
    codec: Arc<Codec>,
    deadlines: Deadlines,
}

impl InventoryGroup {
    /// The group, reading and writing records with a codec.
    #[must_use]
    pub fn new(codec: Arc<Codec>, deadlines: Deadlines) -> Self {
        Self { codec, deadlines }
    }
}

impl Group for InventoryGroup {
    const NAME: &'static str = "inventory";
    type Event = Input;
    type Fact = Fact;
    type Rows = InventoryRows;

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn topics(&self) -> Vec<String> {
        TOPICS.map(String::from).to_vec()
    }

    fn publishes(&self) -> Vec<String> {
        vec![topics::RESERVATIONS.to_owned()]
    }

    fn decode(&self, record: &Record) -> Result<Input, Refusal> {
        self.codec.read(record).map(Input::Event)
    }

    fn answered(&self, task: &Task, _: &Answer) -> Result<Input, Refusal> {
        let detail = format!("inventory asks for no task, and was answered {}", task.kind);
        Err(Refusal::decode("unknown_task", detail))
    }

    fn due(&self, timer: &Timer) -> Result<Input, Refusal> {
        if timer.kind != EXPIRE {
            let detail = format!("inventory sets no timer of kind {}", timer.kind);
            return Err(Refusal::decode("unknown_timer", detail));
        }
        Ok(Input::Lapsed {
            purchase_id: timer.key.clone(),
            due_at: timer.due_at,
            causation_id: timer.causation_id.clone(),
        })
    }

    fn touches(&self, input: &Input, keys: &mut InventoryKeys) {
        decide::touches(input, keys);
    }

    fn touches_after(&self, rows: &InventoryRows, input: &Input, keys: &mut InventoryKeys) {
        decide::touches_stock(rows, input, keys);
    }

    fn decide(
        &self,
        rows: &mut InventoryRows,
        input: &Input,
        now: Timestamp,
        effects: &mut Effects<Fact>,
    ) -> Result<Decision, Refusal> {
        decide::decide(
            rows,
            input,
            now,
            self.deadlines.reservation_micros(),
            effects,
        )
    }

    fn encode(&self, fact: &Fact) -> Outgoing {
        self.codec.write(fact)
    }
}
