//! What business code sees: one type per thing, whatever version it was written with.

mod fact;
mod purchase;

pub use fact::{
    CaptureFailed, DispatchAtRisk, Fact, PaymentAuthorised, PaymentCaptured, PaymentDeclined,
    PaymentRefunded, PaymentVoided, PurchaseCancelled, ReservationExpired, ReservedLine,
    ShipmentHandedOver, ShipmentRequested, StockAdjusted, StockCommitted, StockReceived,
    StockRejected, StockReleased, StockReserved,
};
pub use purchase::{
    CancellationRequested, Channel, DeliveryTier, Line, Purchase, Tender, TenderKind,
};

/// Anything that can stand on a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A purchase, upcast from whatever version it was written with.
    Purchase(Purchase),
    /// A customer or operator asks to cancel.
    CancellationRequested(CancellationRequested),
    /// What a group or a stock keeper states.
    Fact(Fact),
}

impl Event {
    /// The record's Avro name without the namespace: `Purchase`, `PaymentAuthorised`, ...
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Purchase(_) => "Purchase",
            Self::CancellationRequested(_) => "PurchaseCancellationRequested",
            Self::Fact(fact) => fact.kind(),
        }
    }

    /// The id that stays the same however often the event is published.
    #[must_use]
    pub fn event_id(&self) -> &str {
        match self {
            Self::Purchase(purchase) => &purchase.event_id,
            Self::CancellationRequested(request) => &request.event_id,
            Self::Fact(fact) => fact.event_id(),
        }
    }

    /// The key of its record: the purchase, or the SKU.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Purchase(purchase) => &purchase.purchase_id,
            Self::CancellationRequested(request) => &request.purchase_id,
            Self::Fact(fact) => fact.key(),
        }
    }

    /// The purchase that it belongs to; none for movements of stock.
    #[must_use]
    pub fn purchase_id(&self) -> Option<&str> {
        match self {
            Self::Purchase(purchase) => Some(&purchase.purchase_id),
            Self::CancellationRequested(request) => Some(&request.purchase_id),
            Self::Fact(fact) => fact.purchase_id(),
        }
    }

    /// What caused it; none for what comes from outside.
    #[must_use]
    pub fn causation_id(&self) -> Option<&str> {
        match self {
            Self::Purchase(_) => None,
            Self::CancellationRequested(request) => request.causation_id.as_deref(),
            Self::Fact(fact) => fact.causation_id(),
        }
    }

    /// When it happened, microseconds since the epoch.
    #[must_use]
    pub fn occurred_at(&self) -> i64 {
        match self {
            Self::Purchase(purchase) => purchase.occurred_at,
            Self::CancellationRequested(request) => request.occurred_at,
            Self::Fact(fact) => fact.occurred_at(),
        }
    }
}
