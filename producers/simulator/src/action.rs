//! One thing that a simulated shop does.

use schemas::Purchase;
use schemas::domain::CancellationRequested;

use crate::poison::Poison;

/// What is special about a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing.
    Ordinary,
    /// Published again as it was: counts once.
    Duplicate,
    /// Another content under a known id: the first in the log wins, this one is set aside.
    Conflict,
    /// It happened days ago.
    Late,
    /// Its card is declined.
    Declined,
    /// Not in stock.
    OutOfStock,
}

impl Kind {
    /// The word used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Declined => "declined",
            Self::OutOfStock => "out_of_stock",
        }
    }
}

/// Which way an action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Straight to Kafka.
    Direct,
    /// Through the storefront, under this idempotency key.
    Storefront,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A purchase is published.
    Buy {
        /// What is bought.
        purchase: Box<Purchase>,
        /// What is special about it.
        kind: Kind,
    },
    /// A purchase is cancelled, perhaps before it arrives.
    Cancel {
        /// The request.
        request: CancellationRequested,
        /// Whether the purchase comes after it.
        is_early: bool,
    },
    /// Something that nobody can read.
    Poison(Box<Poison>),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Counts from 0; names the action in the journal.
    pub number: u64,
    /// The idempotency key that it is done under.
    pub key: String,
    /// Which way it takes.
    pub way: Way,
    /// What it is.
    pub deed: Deed,
    /// Whether it comes at the same instant as the one before.
    pub is_burst: bool,
}
