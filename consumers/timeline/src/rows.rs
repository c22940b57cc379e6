//! The timeline's tables, described once for both databases.

use runtime::rows::Seen;

runtime::table! {
    /// What is known of one purchase. Times are microseconds since the epoch; the time of a fact is
    /// the earliest at which one of its kind happened, so that neither order nor repetition matters.
    pub struct PurchaseRow in "purchases" {
        key {
            /// The purchase.
            purchase_id: String,
        }
        /// The status in a word: derived from the times below.
        status: String,
        /// The rank of the status; it never falls.
        status_rank: i32,
        /// When the fact that gave the status happened.
        status_at: i64,
        /// When the first thing that is known of it happened.
        first_at: i64,
        /// The purchase's content hash; none while only facts about it have come.
        content_hash: Option<String>,
        /// Who bought.
        customer_id: Option<String>,
        /// What is to be paid, in minor units of the currency.
        total_minor: Option<i64>,
        /// ISO 4217.
        currency: Option<String>,
        /// Where it was made.
        channel: Option<String>,
        /// How fast it is to be delivered.
        delivery_tier: Option<String>,
        /// The version that it was written with.
        written_version: Option<i32>,
        /// When it was made.
        accepted_at: Option<i64>,
        /// `PaymentAuthorised`.
        authorised_at: Option<i64>,
        /// `PaymentDeclined`.
        declined_at: Option<i64>,
        /// `StockReserved`, firm or not.
        reserved_at: Option<i64>,
        /// `StockRejected`.
        rejected_at: Option<i64>,
        /// `ShipmentRequested`.
        shipping_requested_at: Option<i64>,
        /// `ShipmentHandedOver`.
        handed_over_at: Option<i64>,
        /// `CaptureFailed`.
        capture_failed_at: Option<i64>,
        /// `PaymentCaptured`.
        captured_at: Option<i64>,
        /// `PurchaseCancelled`.
        cancelled_at: Option<i64>,
        /// `PaymentRefunded`.
        refunded_at: Option<i64>,
        /// Why it was cancelled: a bounded word.
        cancel_reason: Option<String>,
        /// `PurchaseCancellationRequested`.
        cancel_requested_at: Option<i64>,
        /// By when it is promised.
        deliver_by: Option<i64>,
        /// Who carries it.
        carrier: Option<String>,
        /// The carrier's number.
        tracking: Option<String>,
        /// How many requests to cancel are in the timeline.
        cancel_requests: i32,
        /// How many records with the same id and another content are in the timeline.
        conflicts: i32,
        /// Which entries the timeline has, by their ids.
        seen: Seen,
    }
}

runtime::table! {
    /// One entry of a purchase's timeline.
    pub struct EntryRow in "purchase_events" {
        key {
            /// The purchase.
            purchase_id: String,
            /// The event id; for a conflicting duplicate, which has the id of what it conflicts
            /// with, followed by its content hash and its coordinates.
            entry_id: String,
        }
        /// The event id.
        event_id: String,
        /// The record's name, or `conflicting_duplicate`.
        kind: String,
        /// The topic.
        topic: String,
        /// The partition.
        record_partition: i32,
        /// The offset.
        record_offset: i64,
        /// When it happened, microseconds.
        occurred_at: i64,
        /// When the broker had it, microseconds; 0 when it did not say.
        recorded_at: i64,
        /// When the timeline read it, microseconds.
        applied_at: i64,
        /// The event that led to it.
        causation_id: Option<String>,
        /// The version of the schema that it was written with.
        schema_version: i32,
        /// The W3C trace context that it was sent with.
        traceparent: Option<String>,
        /// What it says, as JSON without personal data.
        summary: String,
    }
}

runtime::row_sets! {
    /// Everything the timeline keeps.
    pub struct TimelineRows, keys TimelineKeys {
        load purchases: PurchaseRow,
        append events: EntryRow,
    }
}

impl PurchaseRow {
    /// A purchase of which nothing is known but that something happened.
    #[must_use]
    pub fn new(purchase_id: &str, first_at: i64) -> Self {
        Self {
            purchase_id: purchase_id.to_owned(),
            status: crate::Status::Accepted.as_str().to_owned(),
            status_rank: crate::Status::Accepted.rank(),
            status_at: first_at,
            first_at,
            content_hash: None,
            customer_id: None,
            total_minor: None,
            currency: None,
            channel: None,
            delivery_tier: None,
            written_version: None,
            accepted_at: None,
            authorised_at: None,
            declined_at: None,
            reserved_at: None,
            rejected_at: None,
            shipping_requested_at: None,
            handed_over_at: None,
            capture_failed_at: None,
            captured_at: None,
            cancelled_at: None,
            refunded_at: None,
            cancel_reason: None,
            cancel_requested_at: None,
            deliver_by: None,
            carrier: None,
            tracking: None,
            cancel_requests: 0,
            conflicts: 0,
            seen: Seen::default(),
        }
    }
}
