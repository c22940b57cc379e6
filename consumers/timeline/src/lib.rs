//! The timeline group: every fact of every purchase with its cause and its coordinates, and the
//! status that a customer sees.
//!
//! It states nothing and asks nothing of anybody: it is the read model that the storefront and
//! `counterflow explain` read through [`Reader`]. Whatever order the topics are read in, the same
//! facts leave the same rows behind, and the rank of a status only rises.
//!
//! It reads every topic but `shop.stock.v1`: movements of stock are keyed by SKU and belong to no
//! purchase. What they lead to for a purchase, inventory states on `shop.reservations.v1`.

pub mod decide;
pub mod explain;
pub mod order;
pub mod read;
pub mod rows;
pub mod status;
pub mod summary;

use std::{convert::Infallible, sync::Arc};

use codec::Codec;
use runtime::{
    Answer, Coordinates, Decision, Effects, Group, Outgoing, Record, Refusal, Task, Timer,
    Timestamp, store::Migration,
};
use schemas::{Event, topics};

pub use explain::Explanation;
pub use read::{PurchaseDetails, PurchaseStatus, Reader, TimelineEntry};
pub use rows::{TimelineKeys, TimelineRows};
pub use status::{CancellationOutcome, Status};

/// The topics that the group reads: all that are keyed by purchase.
pub const TOPICS: [&str; 4] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::RESERVATIONS,
    topics::SHIPMENTS,
];

/// An event together with where and how it stood on its topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The event.
    pub event: Event,
    /// The purchase that it belongs to.
    pub purchase_id: String,
    /// Where its record is.
    pub at: Coordinates,
    /// The broker's timestamp, microseconds; 0 when there is none.
    pub recorded_at: i64,
    /// The version of the schema that it was written with.
    pub schema_version: i32,
    /// The W3C trace context that it was sent with.
    pub traceparent: Option<String>,
}

/// The group.
#[derive(Clone)]
pub struct Timeline {
    codec: Arc<Codec>,
}

impl Timeline {
    /// The group, reading records with a codec.
    #[must_use]
    pub fn new(codec: Arc<Codec>) -> Self {
        Self { codec }
    }
}

/// The group's tables as numbered SQL.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "purchases and their events",
        postgres: include_str!("../migrations/0001_purchases.postgres.sql"),
        sqlite: include_str!("../migrations/0001_purchases.sqlite.sql"),
    },
    Migration {
        number: 2,
        name: "room to update",
        postgres: include_str!("../migrations/0002_room_to_update.postgres.sql"),
        sqlite: include_str!("../migrations/0002_room_to_update.sqlite.sql"),
    },
];

impl Group for Timeline {
    const NAME: &'static str = "timeline";
    type Event = Observed;
    type Fact = Infallible;
    type Rows = TimelineRows;

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn topics(&self) -> Vec<String> {
        TOPICS.map(String::from).to_vec()
    }

    fn publishes(&self) -> Vec<String> {
        vec![]
    }

    fn decode(&self, record: &Record) -> Result<Observed, Refusal> {
        let (event, written) = self.codec.read_written(record)?;
        let Some(purchase_id) = event.purchase_id().map(str::to_owned) else {
            return Err(Refusal::validate(
                "no_purchase",
                format!("{} belongs to no purchase", event.kind()),
            ));
        };
        Ok(Observed {
            event,
            purchase_id,
            at: record.at.clone(),
            recorded_at: record.timestamp_micros,
            schema_version: i32::try_from(written.version).unwrap_or(i32::MAX),
            traceparent: record.headers.text("traceparent").map(str::to_owned),
        })
    }

    fn answered(&self, task: &Task, _answer: &Answer) -> Result<Observed, Refusal> {
        let detail = format!("timeline has no tasks, not even {}", task.kind);
        Err(Refusal::decide("unknown_task", detail))
    }

    fn due(&self, timer: &Timer) -> Result<Observed, Refusal> {
        let detail = format!("timeline has no timers, not even {}", timer.kind);
        Err(Refusal::decide("unknown_timer", detail))
    }

    fn touches(&self, observed: &Observed, keys: &mut TimelineKeys) {
        keys.purchases.insert(observed.purchase_id.clone());
    }

    fn decide(
        &self,
        rows: &mut TimelineRows,
        observed: &Observed,
        now: Timestamp,
        _effects: &mut Effects<Infallible>,
    ) -> Result<Decision, Refusal> {
        Ok(decide::decide(rows, observed, now))
    }

    fn encode(&self, fact: &Infallible) -> Outgoing {
        match *fact {}
    }
}
