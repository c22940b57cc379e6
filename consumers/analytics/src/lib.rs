//! The analytics group: counts, money, items and customers in windows of event time.
//!
//! Late events add to the windows in which they happened. Integers are exact. A window has a row
//! per shard, written by the shard's owner alone, and is added up when it is read: members never
//! wait for each other's rows.

pub mod answers;
pub mod basket;
pub mod decide;
pub mod http;
pub mod read;
pub mod rows;
pub mod sketch;
pub mod tally;
pub mod touches;
pub mod windows;

use runtime::store::Migration;
use schemas::{Event, topics};

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

/// The group's tables as numbered SQL.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "windows and what was counted",
    postgres: include_str!("../migrations/0001_windows.postgres.sql"),
    sqlite: include_str!("../migrations/0001_windows.sqlite.sql"),
}];
