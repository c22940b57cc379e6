//! What the storefront asks the read side. The storefront does not know where the answers are
//! kept; the program that wires both together does.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

/// An answer under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, ReadModelAway>> + Send + 'a>>;

/// The read side cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read model is away: {0}")]
pub struct ReadModelAway(pub String);

/// Where a purchase stands, as the customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseStatus {
    /// The purchase.
    pub purchase_id: String,
    /// A bounded word: `accepted`, `shipped`, `cancelled`, ...
    pub status: String,
    /// Statuses are ordered and never go back.
    pub rank: i32,
    /// Why, where the status has a reason: a bounded word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the status was reached, microseconds since the epoch.
    pub updated_at: i64,
    /// [`schemas::Purchase::content_hash`] of the purchase that counts; none while only other
    /// facts of it are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
}

/// One fact in the life of a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The event.
    pub event_id: String,
    /// Its kind: `Purchase`, `PaymentAuthorised`, ...
    pub kind: String,
    /// When it happened, microseconds since the epoch.
    pub occurred_at: i64,
    /// The event that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// What it says, for a person.
    pub summary: String,
    /// Where it stands: topic, partition, offset.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// The read side.
pub trait ReadModel: Send + Sync {
    /// Where a purchase stands; none when nothing is known of it.
    fn status<'a>(&'a self, purchase_id: &'a str) -> Pending<'a, Option<PurchaseStatus>>;

    /// Everything that is known of a purchase, in causal order; empty when nothing is.
    fn timeline<'a>(&'a self, purchase_id: &'a str) -> Pending<'a, Vec<TimelineEntry>>;
}
