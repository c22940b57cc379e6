//! What the groups and the stock keepers state. Each struct is pinned by test to its `.avsc`.

use serde::{Deserialize, Serialize};

/// A line of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedLine {
    /// The line of the purchase.
    pub line_no: i32,
    /// The SKU: the item id in decimal.
    pub sku: String,
    /// How many.
    pub quantity: i32,
}

macro_rules! facts {
    ($( $(#[$meta:meta])* $name:ident on $topic:ident { $( $(#[$fm:meta])* $field:ident : $type:ty, )* } )*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name {
                /// Deterministic: a function of the purchase and the step.
                pub event_id: String,
                /// The purchase.
                pub purchase_id: String,
                /// When, microseconds since the epoch.
                pub occurred_at: i64,
                /// The id of the event that led to it.
                pub causation_id: String,
                $( $(#[$fm])* pub $field: $type, )*
            }
        )*

        /// A statement of a group or a stock keeper.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Fact {
            $( #[doc = concat!("See [`", stringify!($name), "`].")] $name($name), )*
            /// See [`StockReceived`].
            StockReceived(StockReceived),
            /// See [`StockAdjusted`].
            StockAdjusted(StockAdjusted),
        }

        impl Fact {
            /// The record's Avro name without the namespace.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $( Self::$name(_) => stringify!($name), )*
                    Self::StockReceived(_) => "StockReceived",
                    Self::StockAdjusted(_) => "StockAdjusted",
                }
            }
            /// The topic on which it is published.
            #[must_use]
            pub fn topic(&self) -> &'static str {
                match self {
                    $( Self::$name(_) => crate::topics::$topic, )*
                    Self::StockReceived(_) | Self::StockAdjusted(_) => crate::topics::STOCK,
                }
            }
            /// The id that stays the same however often it is published.
            #[must_use]
            pub fn event_id(&self) -> &str {
                match self {
                    $( Self::$name(fact) => &fact.event_id, )*
                    Self::StockReceived(fact) => &fact.event_id,
                    Self::StockAdjusted(fact) => &fact.event_id,
                }
            }
            /// The purchase; none for movements of stock.
            #[must_use]
            pub fn purchase_id(&self) -> Option<&str> {
                match self {
                    $( Self::$name(fact) => Some(&fact.purchase_id), )*
                    Self::StockReceived(_) | Self::StockAdjusted(_) => None,
                }
            }
            /// What led to it; none for movements of stock.
            #[must_use]
            pub fn causation_id(&self) -> Option<&str> {
                match self {
                    $( Self::$name(fact) => Some(&fact.causation_id), )*
                    Self::StockReceived(fact) => fact.causation_id.as_deref(),
                    Self::StockAdjusted(fact) => fact.causation_id.as_deref(),
                }
            }
            /// When it happened, microseconds since the epoch.
            #[must_use]
            pub fn occurred_at(&self) -> i64 {
                match self {
                    $( Self::$name(fact) => fact.occurred_at, )*
                    Self::StockReceived(fact) => fact.occurred_at,
                    Self::StockAdjusted(fact) => fact.occurred_at,
                }
            }
            /// The key of its record: the purchase, or the SKU.
            #[must_use]
            pub fn key(&self) -> &str {
                match self {
                    $( Self::$name(fact) => &fact.purchase_id, )*
                    Self::StockReceived(fact) => &fact.sku,
                    Self::StockAdjusted(fact) => &fact.sku,
                }
            }
        }

        $(
            impl From<$name> for Fact {
                fn from(fact: $name) -> Self {
                    Self::$name(fact)
                }
            }
        )*
    };
}

facts! {
    /// The provider holds the money.
    PaymentAuthorised on PAYMENTS {
        /// Minor units.
        amount_minor: i64,
        /// ISO 4217.
        currency: String,
        /// The provider's payment intent.
        provider_ref: String,
    }
    /// The provider refused; final.
    PaymentDeclined on PAYMENTS {
        /// The provider's decline code, a bounded word.
        reason: String,
    }
    /// The money was taken, after hand-over.
    PaymentCaptured on PAYMENTS {
        /// Minor units.
        amount_minor: i64,
        /// ISO 4217.
        currency: String,
        /// The provider's payment intent.
        provider_ref: String,
    }
    /// An authorisation was given back, or never asked for because the purchase had ended.
    PaymentVoided on PAYMENTS {
        /// Why: a bounded word.
        reason: String,
    }
    /// Captured money was given back.
    PaymentRefunded on PAYMENTS {
        /// Minor units.
        amount_minor: i64,
        /// ISO 4217.
        currency: String,
        /// The provider's refund.
        provider_ref: String,
        /// Why: a bounded word.
        reason: String,
    }
    /// The goods are gone and the money could not be taken: dunning, not undo.
    CaptureFailed on PAYMENTS {
        /// The provider's word.
        reason: String,
        /// How often it was tried.
        attempts: i32,
    }
    /// All lines are reserved. Without `expires_at` the reservation is firm: it was asked for by a shipment and lapses no more.
    StockReserved on RESERVATIONS {
        /// What is reserved.
        lines: Vec<ReservedLine>,
        /// When it lapses, microseconds since the epoch.
        expires_at: Option<i64>,
    }
    /// Not all lines could be reserved, so none is.
    StockRejected on RESERVATIONS {
        /// The lines that fell short, with the quantity wanted.
        lines: Vec<ReservedLine>,
    }
    /// A reservation was given back.
    StockReleased on RESERVATIONS {
        /// Why: a bounded word.
        reason: String,
    }
    /// A reservation lapsed before it was asked for.
    ReservationExpired on RESERVATIONS {
    }
    /// The goods have left the building.
    StockCommitted on RESERVATIONS {
        /// The shipment.
        shipment_id: String,
    }
    /// Paid and reserved: the warehouse is asked to ship, once the reservation is firm.
    ShipmentRequested on SHIPMENTS {
        /// The shipment, derived from the purchase.
        shipment_id: String,
        /// Microseconds since the epoch.
        ship_by: i64,
        /// Microseconds since the epoch.
        deliver_by: i64,
    }
    /// The carrier has the goods: the point of no return.
    ShipmentHandedOver on SHIPMENTS {
        /// The shipment.
        shipment_id: String,
        /// The carrier.
        carrier: String,
        /// The carrier's number.
        tracking: String,
    }
    /// The ship-by time has come and the goods are still here.
    DispatchAtRisk on SHIPMENTS {
        /// Microseconds since the epoch.
        ship_by: i64,
        /// What is missing: a bounded word.
        waiting_for: String,
    }
    /// The purchase ends without a shipment.
    PurchaseCancelled on SHIPMENTS {
        /// Why: a bounded word (`customer`, `declined`, `no_stock`, `expired`, `answers_late`, `carrier_refused`).
        reason: String,
    }
}

/// Goods came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReceived {
    /// Given by the stock keeper: the same id is the same movement.
    pub event_id: String,
    /// The SKU.
    pub sku: String,
    /// When, microseconds since the epoch.
    pub occurred_at: i64,
    /// What led to it, if anything did.
    pub causation_id: Option<String>,
    /// At least 1.
    pub quantity: i64,
}

/// Stock was counted; the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAdjusted {
    /// Given by the stock keeper: the same id is the same movement.
    pub event_id: String,
    /// The SKU.
    pub sku: String,
    /// When, microseconds since the epoch.
    pub occurred_at: i64,
    /// What led to it, if anything did.
    pub causation_id: Option<String>,
    /// Added to what is on hand; may be negative.
    pub quantity_change: i64,
    /// Why: a bounded word.
    pub reason: String,
}
