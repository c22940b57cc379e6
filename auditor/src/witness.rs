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
    LedgerEntry {
        kind: String,
    },
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
    },
    Dispatch(DispatchRow),
    Timeline(TimelineRow),
    TimelineEntry(TimelineEntryRow),
    Counted {
        hash: Option<String>,
        seen: usize,
    },
    Window {
        size: i64,
        start: i64,
        counts: Vec<(String, i64)>,
    },
    Published(PublishedRow),
    Waiting {
        group: Group,
        what: String,
        since: i64,
    },
    SetAside(SetAsideRow),
    Parked {
        group: Group,
        topic: String,
        offset: i64,
    },
    Provider(ProviderRow),
    Intent(IntentRow),
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
    pub(crate) authorised: bool,
    pub(crate) captured: bool,
}

/// A transfer of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PostingRow {
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

/// Dispatch's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DispatchRow {
    pub(crate) hash: Option<String>,
    pub(crate) state: String,
    pub(crate) shipment_id: Option<String>,
}

/// The timeline's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TimelineRow {
    pub(crate) status: String,
    pub(crate) hash: Option<String>,
    pub(crate) total_minor: Option<i64>,
    pub(crate) currency: Option<String>,
}

/// An entry of the timeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TimelineEntryRow {
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
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
    /// Empty for an answer or a timer.
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) content: u64,
    pub(crate) reason: String,
    pub(crate) state: String,
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
}

/// What somebody meant to publish, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IntentRow {
    pub(crate) what: String,
    pub(crate) event_id: String,
    pub(crate) hash: Option<String>,
    /// `stored`, `spooled`, `accepted`, `refused` or `unknown`.
    pub(crate) outcome: String,
}
