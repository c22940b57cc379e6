//! The tables of analytics, described once for both databases.
//!
//! Every table that is added to has one row per window *and shard*: the shard's owner is its only
//! writer, and readers add the shards up. The lead column is a key made of all that names the row,
//! so that a batch loads the rows that it adds to and no others.

use runtime::rows::Seen;

runtime::table! {
    /// What was counted of one purchase, and what later facts about it need to be counted.
    pub struct CountedRow in "counted_purchases" {
        key {
            /// The purchase.
            purchase_id: String,
        }
        /// The purchase's content hash; none while only facts about it have come.
        content_hash: Option<String>,
        /// When it was made, microseconds: its facts are counted to that window too.
        purchased_at: Option<i64>,
        /// ISO 4217.
        currency: Option<String>,
        /// Its items: see [`crate::basket::to_text`].
        basket: Option<String>,
        /// Which answers are known: a bit of [`crate::answers::Answer`] each.
        answers: i64,
        /// Which facts were counted, by their event ids.
        seen: Seen,
    }
}

runtime::table! {
    /// A movement of stock that was counted.
    pub struct MovementRow in "counted_movements" {
        key {
            /// The movement.
            event_id: String,
        }
        /// The shard that counted it.
        shard: i32,
    }
}

runtime::table! {
    /// Counts of one window and shard. The first part counts what happened in the window; the
    /// second, named `of_purchases_...`, what became of the purchases that were made in it,
    /// whenever that happened, so that rates are fractions of one whole.
    pub struct WindowRow in "windows" {
        key {
            /// See [`crate::windows::Pane::key`].
            window_key: String,
        }
        /// The window's length.
        size_micros: i64,
        /// Its first instant, microseconds since the epoch.
        window_start: i64,
        /// The shard.
        shard: i32,
        /// Purchases made.
        purchases: i64,
        /// Units bought.
        units: i64,
        /// `PaymentAuthorised`.
        authorised: i64,
        /// `PaymentDeclined`.
        declined: i64,
        /// `StockRejected`.
        stock_rejected: i64,
        /// `ReservationExpired`.
        reservations_expired: i64,
        /// Purchases that somebody asked to cancel, by the first request.
        cancellation_requests: i64,
        /// `PurchaseCancelled`.
        cancelled: i64,
        /// `DispatchAtRisk`.
        at_risk: i64,
        /// `ShipmentHandedOver`.
        handed_over: i64,
        /// `PaymentCaptured`.
        captured: i64,
        /// `CaptureFailed`.
        capture_failed: i64,
        /// `PaymentRefunded`.
        refunded: i64,
        /// Units of `StockReceived`.
        stock_received: i64,
        /// Units of `StockAdjusted`, up and down added up.
        stock_adjusted: i64,
        /// Of the purchases made: authorised.
        of_purchases_authorised: i64,
        /// Of the purchases made: declined.
        of_purchases_declined: i64,
        /// Of the purchases made: out of stock.
        of_purchases_out_of_stock: i64,
        /// Of the purchases made: cancelled.
        of_purchases_cancelled: i64,
        /// Of the purchases made: paid for.
        of_purchases_captured: i64,
        /// Of what happened in the window: recorded late.
        late: i64,
    }
}

runtime::table! {
    /// Money of one window, shard and currency, in minor units, by when it moved.
    pub struct RevenueRow in "revenue" {
        key {
            /// See [`crate::windows::Pane::key`].
            window_key: String,
            /// ISO 4217.
            currency: String,
        }
        /// The window's length.
        size_micros: i64,
        /// Its first instant, microseconds since the epoch.
        window_start: i64,
        /// The shard.
        shard: i32,
        /// Totals of purchases made.
        ordered_minor: i64,
        /// What was captured.
        captured_minor: i64,
        /// What was given back.
        refunded_minor: i64,
    }
}

runtime::table! {
    /// The different customers of one coarse window and shard.
    pub struct CustomersRow in "customers" {
        key {
            /// See [`crate::windows::Pane::key`].
            window_key: String,
        }
        /// The window's length.
        size_micros: i64,
        /// Its first instant, microseconds since the epoch.
        window_start: i64,
        /// The shard.
        shard: i32,
        /// See [`crate::sketch::Sketch`].
        registers: Vec<u8>,
    }
}

runtime::table! {
    /// One item in one coarse window, shard and currency: of the purchases made in the window, what
    /// was ordered and what became of it. Without tax and shipping, in minor units.
    pub struct ItemRow in "items" {
        key {
            /// See [`crate::windows::Pane::item_key`].
            item_key: String,
            /// ISO 4217.
            currency: String,
        }
        /// The window's length.
        size_micros: i64,
        /// Its first instant, microseconds since the epoch.
        window_start: i64,
        /// The shard.
        shard: i32,
        /// The item.
        item_id: i64,
        /// Units ordered.
        ordered_units: i64,
        /// Their price.
        ordered_minor: i64,
        /// Units of purchases that were paid for.
        captured_units: i64,
        /// Their price.
        captured_minor: i64,
        /// Units of purchases that were paid for and refunded.
        refunded_units: i64,
        /// Their price.
        refunded_minor: i64,
    }
}

runtime::table! {
    /// Two items in one coarse window and shard.
    pub struct PairRow in "pairs" {
        key {
            /// See [`crate::windows::Pane::pair_key`].
            pair_key: String,
        }
        /// The window's length.
        size_micros: i64,
        /// Its first instant, microseconds since the epoch.
        window_start: i64,
        /// The shard.
        shard: i32,
        /// The lower item id.
        low_item_id: i64,
        /// The higher item id.
        high_item_id: i64,
        /// Baskets with both.
        baskets: i64,
    }
}

runtime::row_sets! {
    /// Everything analytics keeps.
    pub struct AnalyticsRows, keys AnalyticsKeys {
        load counted: CountedRow,
        load movements: MovementRow,
        load windows: WindowRow,
        load revenue: RevenueRow,
        load customers: CustomersRow,
        load items: ItemRow,
        load pairs: PairRow,
    }
}
