//! The tables of inventory, described once for both databases; their constraints stand in
//! `migrations/`.
//!
//! What stays true: `stock` is the fold of `stock_movements`, and its `reserved` is the sum of the
//! lines of all live reservations (`held` and `firm`).

use runtime::store::Migration;

/// The numbered steps of the schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "reservations",
        postgres: include_str!("../migrations/0001_reservations.postgres.sql"),
        sqlite: include_str!("../migrations/0001_reservations.sqlite.sql"),
    },
    Migration {
        number: 2,
        name: "room to update",
        postgres: include_str!("../migrations/0002_room_to_update.postgres.sql"),
        sqlite: include_str!("../migrations/0002_room_to_update.sqlite.sql"),
    },
];

runtime::table! {
    /// What is known of one purchase, and what became of its reservation. Facts are remembered by
    /// the id of the event that stated them, so that they may come in any order and any number.
    pub struct Reservation in "reservations" {
        key {
            /// The purchase.
            purchase_id: String,
        }
        /// The hash of what was bought; none until the purchase itself is known.
        content_hash: Option<String>,
        /// A word of [`crate::State`].
        state: String,
        /// Why it ended or is going to: the first reason that became known, a bounded word.
        reason: Option<String>,
        /// When it lapses, microseconds since the epoch; only while it is held.
        expires_at: Option<i64>,
        /// The shipment that asked for it.
        shipment_id: Option<String>,
        /// The `PaymentDeclined` that is known.
        declined_by: Option<String>,
        /// The `PaymentVoided` that is known.
        voided_by: Option<String>,
        /// The `PurchaseCancelled` that is known.
        cancelled_by: Option<String>,
        /// The `ShipmentRequested` that is known.
        requested_by: Option<String>,
        /// The `ShipmentHandedOver` that is known.
        handed_over_by: Option<String>,
        /// The event that led to the present state.
        cause_id: String,
        /// When it got there, microseconds since the epoch.
        changed_at: i64,
    }
}

runtime::table! {
    /// One line of a purchase whose stock is reserved, or was wanted.
    pub struct ReservationLine in "reservation_lines" {
        key {
            /// The purchase.
            purchase_id: String,
            /// 1, 2, 3, ...
            line_no: i32,
        }
        /// The item id in decimal.
        sku: String,
        /// At least 1.
        quantity: i32,
    }
}

runtime::table! {
    /// A receipt or a count that had its effect.
    pub struct StockEvent in "stock_events" {
        key {
            /// The id that the stock keeper gave it.
            event_id: String,
            /// What was moved.
            sku: String,
        }
        /// `received` or `adjusted`.
        kind: String,
        /// Added to what is on hand.
        quantity_change: i64,
        /// Why it was adjusted.
        reason: Option<String>,
        /// When it had its effect, microseconds since the epoch.
        applied_at: i64,
    }
}

runtime::table! {
    /// The stock of one SKU. Shared between shards: purchases of every shard want it.
    pub struct Stock in shared "stock" {
        key {
            /// The item id in decimal.
            sku: String,
        }
        /// In the building.
        on_hand: i64,
        /// Of those, promised to purchases; never more than are on hand.
        reserved: i64,
        /// How many movements led here: the sequence number of the last.
        movements: i64,
    }
}

runtime::table! {
    /// One change of the stock of a SKU; never changed or deleted.
    pub struct StockMovement in "stock_movements" {
        key {
            /// A function of what caused it.
            movement_id: String,
        }
        /// What was moved.
        sku: String,
        /// Its place in the order of the SKU's movements, from 1 without a gap.
        sequence: i64,
        /// A word of [`crate::MovementKind`].
        kind: String,
        /// Added to what is on hand.
        on_hand_change: i64,
        /// Added to what is reserved.
        reserved_change: i64,
        /// What was on hand afterwards.
        on_hand_after: i64,
        /// What was reserved afterwards.
        reserved_after: i64,
        /// The purchase that moved it; none for receipts and counts.
        purchase_id: Option<String>,
        /// Why it was adjusted or given back: a bounded word.
        reason: Option<String>,
        /// The event that led to it.
        cause_id: String,
        /// When, microseconds since the epoch.
        moved_at: i64,
    }
}

runtime::row_sets! {
    /// Everything that inventory keeps.
    pub struct InventoryRows, keys InventoryKeys {
        load reservations: Reservation,
        load lines: ReservationLine,
        load events: StockEvent,
        load stock: Stock,
        append movements: StockMovement,
    }
}

impl InventoryRows {
    /// The lines of a purchase, in order.
    pub fn lines_of(&self, purchase_id: &str) -> impl Iterator<Item = &ReservationLine> {
        let lead = purchase_id.to_owned();
        self.lines
            .range((lead.clone(), i32::MIN)..=(lead, i32::MAX))
    }
}
