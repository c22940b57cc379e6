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

use runtime::{Coordinates, store::Migration};
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

/// The group's tables as numbered SQL.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "purchases and their events",
    postgres: include_str!("../migrations/0001_purchases.postgres.sql"),
    sqlite: include_str!("../migrations/0001_purchases.sqlite.sql"),
}];
