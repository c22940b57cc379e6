//! The groups under audit: which topics each reads, and which one it states its facts on.

use runtime::Group as _;
use schemas::topics;
use serde::{Deserialize, Serialize};

/// A group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Payment.
    Payment,
    /// Inventory.
    Inventory,
    /// Dispatch.
    Dispatch,
    /// Analytics.
    Analytics,
    /// The timeline.
    Timeline,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 5] = [
        Self::Payment,
        Self::Inventory,
        Self::Dispatch,
        Self::Analytics,
        Self::Timeline,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payment => payment::PaymentGroup::NAME,
            Self::Inventory => inventory::InventoryGroup::NAME,
            Self::Dispatch => dispatch::DispatchGroup::NAME,
            Self::Analytics => analytics::Analytics::NAME,
            Self::Timeline => timeline::Timeline::NAME,
        }
    }

    /// Whether it reads a topic.
    #[must_use]
    pub fn reads(self, topic: &str) -> bool {
        let topics: &[&str] = match self {
            Self::Payment => &payment::TOPICS,
            Self::Inventory => &inventory::TOPICS,
            Self::Dispatch => &dispatch::TOPICS,
            Self::Analytics => &analytics::TOPICS,
            Self::Timeline => &timeline::TOPICS,
        };
        topics.contains(&topic)
    }

    /// The group that alone states facts on a topic; none for what comes from outside.
    #[must_use]
    pub fn stating_on(topic: &str) -> Option<Self> {
        match topic {
            topics::PAYMENTS => Some(Self::Payment),
            topics::RESERVATIONS => Some(Self::Inventory),
            topics::SHIPMENTS => Some(Self::Dispatch),
            _ => None,
        }
    }

    /// Where it publishes what it sets aside.
    #[must_use]
    pub fn dead_letter_topic(self) -> String {
        format!("shop.{}.dead-letters.v1", self.name())
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
