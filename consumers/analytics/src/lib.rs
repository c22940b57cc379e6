//! The analytics group: counts, money, items and customers in windows of event time.
//!
//! Late events add to the windows in which they happened. Integers are exact. A window has a row
//! per shard, written by the shard's owner alone, and is added up when it is read: members never
//! wait for each other's rows.

pub mod answers;
pub mod basket;
pub mod decide;
mod explain;
pub mod http;
pub mod read;
pub mod rows;
pub mod sketch;
pub mod tally;
pub mod touches;
pub mod windows;

use std::{convert::Infallible, sync::Arc};

use codec::Codec;
use runtime::{
    Answer, Decision, Effects, Group, Outgoing, Record, Refusal, Task, Timer, Timestamp,
    store::Migration,
};
use schemas::{Event, topics};

pub use explain::explain;
pub use http::router;
pub use read::Reader;
pub use rows::{AnalyticsKeys, AnalyticsRows};
pub use windows::Windows;

/// The topics that the group reads: all.
pub const TOPICS: [&str; 5] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::RESERVATIONS,
    topics::SHIPMENTS,
    topics::STOCK,
];

/// An event together with what its record says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The event.
    pub event: Event,
    /// The partition of its record, and so the shard whose rows it is counted in.
    pub shard: i32,
    /// The broker's timestamp, microseconds; 0 when there is none, and then it is never late.
    pub recorded_at: i64,
}

/// The group.
#[derive(Clone)]
pub struct Analytics {
    codec: Arc<Codec>,
    windows: Windows,
}

impl Analytics {
    /// The group, reading records with a codec and counting in windows of these sizes.
    #[must_use]
    pub fn new(codec: Arc<Codec>, windows: Windows) -> Self {
        Self { codec, windows }
    }
}

/// The group's tables as numbered SQL.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "windows and what was counted",
        postgres: include_str!("../migrations/0001_windows.postgres.sql"),
        sqlite: include_str!("../migrations/0001_windows.sqlite.sql"),
    },
    Migration {
        number: 2,
        name: "room to update",
        postgres: include_str!("../migrations/0002_room_to_update.postgres.sql"),
        sqlite: include_str!("../migrations/0002_room_to_update.sqlite.sql"),
    },
];

impl Group for Analytics {
    const NAME: &'static str = "analytics";
    type Event = Observed;
    type Fact = Infallible;
    type Rows = AnalyticsRows;

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
        Ok(Observed {
            event: self.codec.read(record)?,
            shard: record.at.partition,
            recorded_at: record.timestamp_micros,
        })
    }

    fn answered(&self, task: &Task, _answer: &Answer) -> Result<Observed, Refusal> {
        let detail = format!("analytics has no tasks, not even {}", task.kind);
        Err(Refusal::decide("unknown_task", detail))
    }

    fn due(&self, timer: &Timer) -> Result<Observed, Refusal> {
        let detail = format!("analytics has no timers, not even {}", timer.kind);
        Err(Refusal::decide("unknown_timer", detail))
    }

    fn touches(&self, observed: &Observed, keys: &mut AnalyticsKeys) {
        touches::touches(&self.windows, observed, keys);
    }

    fn touches_after(&self, rows: &AnalyticsRows, observed: &Observed, keys: &mut AnalyticsKeys) {
        touches::touches_after(&self.windows, rows, observed, keys);
    }

    fn decide(
        &self,
        rows: &mut AnalyticsRows,
        observed: &Observed,
        _now: Timestamp,
        _effects: &mut Effects<Infallible>,
    ) -> Result<Decision, Refusal> {
        decide::decide(&self.windows, rows, observed)
    }

    fn encode(&self, fact: &Infallible) -> Outgoing {
        match *fact {}
    }
}
