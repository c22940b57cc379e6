//! What databases and journals say, cut down to what the checks compare: the form in which it is
//! sorted into temporary files, one line per row, each with the purchase or SKU it is about.

use serde::{Deserialize, Serialize};

use crate::group::Group;

/// One row of somebody's, under the purchase (or SKU, or nothing) that it is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    #[serde(rename = "k")]
    pub(crate) subject: String,
    #[serde(rename = "w")]
    pub(crate) witness: Witness,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Witness {
    Payment(PaymentRow),
    LedgerEntry(LedgerEntryRow),
    Posting(PostingRow),
    Reservation {
        hash: Option<String>,
        state: String,
    },
    ReservationLine {
        sku: String,
        quantity: i64,
    },
    Movement(MovementRow),
    StockEvent {
        event_id: String,
        change: i64,
        applied_at: i64,
    },
    /// A movement again, under its SKU: what was free after it.
    Moved {
        sequence: i64,
        at: i64,
        free: i64,
    },
    /// A SKU of which a purchase was told that there is not enough.
    Rejected {
        purchase_id: String,
        quantity: i64,
        at: i64,
    },
    Dispatch(DispatchRow),
    Timeline(TimelineRow),
    TimelineEntry(TimelineEntryRow),
    Counted {
        hash: Option<String>,
        /// Of the other columns.
        says: u64,
    },
    Window {
        size: i64,
        start: i64,
        counts: Vec<(String, i64)>,
    },
    Item {
        size: i64,
        start: i64,
        item_id: i64,
        currency: String,
        sums: [i64; 6],
    },
    Pair {
        size: i64,
        start: i64,
        items: (i64, i64),
        baskets: i64,
    },
    Customers {
        size: i64,
        start: i64,
        /// Of the registers.
        registers: u64,
    },
    Published(PublishedRow),
    Waiting {
        group: Group,
        what: String,
        since: i64,
    },
    SetAside(SetAsideRow),
    /// A task whose answer was refused.
    Refused(RefusedRow),
    /// What the carrier answered dispatch: `handed_over`, `refused`, `rejected` or `mismatch`.
    CarrierSaid(String),
    Parked {
        group: Group,
        topic: String,
        offset: i64,
    },
    Provider(ProviderRow),
    Intent(IntentRow),
}

impl Witness {
    /// Whether it is about the shard, or about something of which there is not much, and not about
    /// one purchase.
    pub(crate) fn is_of_shard(&self) -> bool {
        match self {
            Self::StockEvent { .. }
            | Self::Window { .. }
            | Self::Item { .. }
            | Self::Pair { .. }
            | Self::Customers { .. }
            | Self::Parked { .. } => true,
            Self::Movement(row) => row.is_of_keepers(),
            Self::SetAside(row) => !row.topic.is_empty(),
            _ => false,
        }
    }
}

/// Payment's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PaymentRow {
    pub(crate) state: String,
    pub(crate) hash: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) amount_minor: i64,
    pub(crate) card_minor: i64,
    pub(crate) tax_minor: i64,
    pub(crate) shipping_minor: i64,
    pub(crate) provider_ref: Option<String>,
    pub(crate) refund_ref: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) authorised_at: Option<i64>,
    pub(crate) captured_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
}

impl PaymentRow {
    /// Whether the money was held, once.
    pub(crate) fn was_authorised(&self) -> bool {
        self.authorised_at.is_some()
    }

    /// Whether the money was taken.
    pub(crate) fn was_captured(&self) -> bool {
        self.captured_at.is_some()
    }

    /// Whether the goods left and could not be paid, sent back since or not.
    pub(crate) fn was_gone_unpaid(&self) -> bool {
        matches!(self.state.as_str(), "capture_failed" | "credited")
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LedgerEntryRow {
    pub(crate) kind: String,
    pub(crate) cause: String,
    pub(crate) at: i64,
}

/// A transfer of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PostingRow {
    /// The kind of its entry.
    pub(crate) entry: String,
    /// Its number in the entry; 0 when its id has none.
    pub(crate) number: i64,
    pub(crate) debit: String,
    pub(crate) credit: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
}

/// A movement of stock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MovementRow {
    pub(crate) sku: String,
    pub(crate) kind: String,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) cause: String,
}

impl MovementRow {
    /// Whether a stock keeper moved it, for no purchase.
    pub(crate) fn is_of_keepers(&self) -> bool {
        matches!(self.kind.as_str(), "received" | "adjusted")
    }
}

/// Dispatch's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DispatchRow {
    pub(crate) hash: Option<String>,
    pub(crate) state: String,
    pub(crate) shipment_id: Option<String>,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) created_at: i64,
    /// See [`crate::columns`].
    pub(crate) columns: Vec<u64>,
}

/// The timeline's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TimelineRow {
    pub(crate) status: String,
    pub(crate) hash: Option<String>,
    pub(crate) total_minor: Option<i64>,
    pub(crate) currency: Option<String>,
    /// See [`crate::columns`].
    pub(crate) columns: Vec<u64>,
}

/// An entry of the timeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TimelineEntryRow {
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Of all that is shown of it; see [`crate::said::entry`].
    pub(crate) says: u64,
}

/// An event in a group's journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PublishedRow {
    pub(crate) group: Group,
    pub(crate) event_id: String,
    pub(crate) topic: String,
    /// See [`crate::topics::digest`].
    pub(crate) content: u64,
    /// Whether the broker has acknowledged it, as far as the group knows.
    pub(crate) acknowledged: bool,
    pub(crate) written_at: i64,
}

/// A dead letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SetAsideRow {
    pub(crate) group: Group,
    /// Coordinates, `task:<id>` or `timer:<id>`.
    pub(crate) letter_id: String,
    /// Empty for an answer or a timer.
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) content: u64,
    pub(crate) reason: String,
    pub(crate) state: String,
    /// Whether the group's journal has it as an event for its dead-letter topic.
    pub(crate) is_told: bool,
    pub(crate) last_failed_at: i64,
}

/// A task whose answer was refused, as the group's queue has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RefusedRow {
    pub(crate) group: Group,
    pub(crate) task_id: String,
    /// Of key and answer, as of the dead letter.
    pub(crate) content: u64,
}

/// What the provider or the carrier did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProviderRow {
    pub(crate) kind: String,
    pub(crate) intent_id: Option<String>,
    pub(crate) refund_id: Option<String>,
    pub(crate) shipment_id: Option<String>,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) key: Option<String>,
    /// The decline code, of a decline.
    pub(crate) detail: Option<String>,
    pub(crate) at: i64,
}

/// What somebody meant to publish, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IntentRow {
    pub(crate) what: String,
    pub(crate) event_id: String,
    pub(crate) hash: Option<String>,
    /// `stored`, `spooled`, `accepted`, `refused` or `unknown`.
    pub(crate) outcome: String,
    /// Since when that is known, microseconds; zero where nobody says.
    pub(crate) at: i64,
}
