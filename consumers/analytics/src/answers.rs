//! What each fact counts as: once in the window in which it happened, and once among the purchases
//! of the window in which its purchase was made.

use schemas::Fact;

use crate::rows::WindowRow;

/// What is known to have become of a purchase. A set: a bit each, in the order of [`Answer::ALL`],
/// which is stored and so only ever grows at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `PaymentAuthorised`.
    Authorised,
    /// `PaymentDeclined`.
    Declined,
    /// `StockRejected`.
    OutOfStock,
    /// `PurchaseCancelled`.
    Cancelled,
    /// `PaymentCaptured`.
    Captured,
    /// `PaymentRefunded`.
    Refunded,
    /// `PurchaseCancellationRequested`.
    CancellationRequested,
}

impl Answer {
    /// Every answer, by bit.
    pub const ALL: [Self; 7] = [
        Self::Authorised,
        Self::Declined,
        Self::OutOfStock,
        Self::Cancelled,
        Self::Captured,
        Self::Refunded,
        Self::CancellationRequested,
    ];

    /// The answer that a fact gives, if it gives one.
    #[must_use]
    pub fn of(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::PaymentAuthorised(_) => Some(Self::Authorised),
            Fact::PaymentDeclined(_) => Some(Self::Declined),
            Fact::StockRejected(_) => Some(Self::OutOfStock),
            Fact::PurchaseCancelled(_) => Some(Self::Cancelled),
            Fact::PaymentCaptured(_) => Some(Self::Captured),
            Fact::PaymentRefunded(_) => Some(Self::Refunded),
            _ => None,
        }
    }

    /// What a person calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorised => "authorised",
            Self::Declined => "declined",
            Self::OutOfStock => "out of stock",
            Self::Cancelled => "cancelled",
            Self::Captured => "captured",
            Self::Refunded => "refunded",
            Self::CancellationRequested => "cancellation requested",
        }
    }

    /// Whether it is in a set.
    #[must_use]
    pub fn is_in(self, answers: i64) -> bool {
        answers & self.bit() != 0
    }

    /// Adds it to a set; false when it was there.
    pub fn add_to(self, answers: &mut i64) -> bool {
        let is_new = !self.is_in(*answers);
        *answers |= self.bit();
        is_new
    }

    fn bit(self) -> i64 {
        1 << (self as u32)
    }

    /// Where it is counted among the purchases of a window.
    pub fn among_purchases(self, window: &mut WindowRow) -> Option<&mut i64> {
        match self {
            Self::Authorised => Some(&mut window.of_purchases_authorised),
            Self::Declined => Some(&mut window.of_purchases_declined),
            Self::OutOfStock => Some(&mut window.of_purchases_out_of_stock),
            Self::Cancelled => Some(&mut window.of_purchases_cancelled),
            Self::Captured => Some(&mut window.of_purchases_captured),
            Self::Refunded | Self::CancellationRequested => None,
        }
    }
}

/// Where a fact is counted in the window in which it happened; none for facts of which only
/// lateness is counted.
pub fn in_its_window<'a>(fact: &Fact, window: &'a mut WindowRow) -> Option<&'a mut i64> {
    match fact {
        Fact::PaymentAuthorised(_) => Some(&mut window.authorised),
        Fact::PaymentDeclined(_) => Some(&mut window.declined),
        Fact::PaymentCaptured(_) => Some(&mut window.captured),
        Fact::PaymentRefunded(_) => Some(&mut window.refunded),
        Fact::CaptureFailed(_) => Some(&mut window.capture_failed),
        Fact::StockRejected(_) => Some(&mut window.stock_rejected),
        Fact::ReservationExpired(_) => Some(&mut window.reservations_expired),
        Fact::ShipmentHandedOver(_) => Some(&mut window.handed_over),
        Fact::DispatchAtRisk(_) => Some(&mut window.at_risk),
        Fact::PurchaseCancelled(_) => Some(&mut window.cancelled),
        Fact::PaymentVoided(_)
        | Fact::StockReserved(_)
        | Fact::StockReleased(_)
        | Fact::StockCommitted(_)
        | Fact::ShipmentRequested(_)
        | Fact::StockReceived(_)
        | Fact::StockAdjusted(_) => None,
    }
}
