//! The table of dispatch: one row per purchase, with which facts are known, each by the event that
//! stated it, and what was decided on them.

use runtime::Timestamp;

use crate::state::State;

runtime::table! {
    /// A purchase on its way out.
    pub struct Dispatch in "dispatches" {
        key {
            /// The purchase.
            purchase_id: String,
        }
        /// Where it stands.
        state: State,
        /// The event that the row was made for.
        opened_by: String,
        /// When the row was made, microseconds.
        created_at: i64,
        /// The event id of the purchase; none while only other facts are known.
        purchase_event_id: Option<String>,
        /// What was bought, hashed: another hash under the same id is a contradiction.
        content_hash: Option<String>,
        /// How fast it is to be delivered.
        delivery_tier: Option<String>,
        /// When it was bought, microseconds.
        purchased_at: Option<i64>,
        /// The event that stated that the money is held.
        authorised_by: Option<String>,
        /// The event that stated that it is not.
        declined_by: Option<String>,
        /// The event that stated that nothing is held any more.
        voided_by: Option<String>,
        /// Why payment let go of it.
        void_reason: Option<String>,
        /// The event that stated a reservation.
        reserved_by: Option<String>,
        /// The event that stated that it is firm.
        firm_by: Option<String>,
        /// The event that stated that there is no stock.
        rejected_by: Option<String>,
        /// The event that stated that the reservation lapsed.
        expired_by: Option<String>,
        /// The event that stated that it was given back.
        released_by: Option<String>,
        /// The event that asked to cancel.
        cancellation_by: Option<String>,
        /// Whether the time for answers ran out before both were there.
        answers_late: bool,
        /// The shipment, once it is requested.
        shipment_id: Option<String>,
        /// When the carrier should have it, microseconds.
        ship_by: Option<i64>,
        /// When the customer should have it, microseconds.
        deliver_by: Option<i64>,
        /// Whether ship-by came with the goods still here.
        at_risk: bool,
        /// The carrier.
        carrier: Option<String>,
        /// The carrier's number.
        tracking: Option<String>,
        /// When the shipment was requested, microseconds.
        requested_at: Option<i64>,
        /// When it was handed over, or cancelled before that, microseconds.
        ended_at: Option<i64>,
        /// Why it was cancelled.
        cancel_reason: Option<String>,
    }
}

runtime::row_sets! {
    /// Everything that dispatch keeps.
    pub struct DispatchRows, keys DispatchKeys {
        load dispatches: Dispatch,
    }
}

impl Dispatch {
    /// The row of a purchase of which nothing is known but the event that it is made for.
    #[must_use]
    pub fn opened(purchase_id: &str, opened_by: &str, now: Timestamp) -> Self {
        Self {
            purchase_id: purchase_id.to_owned(),
            state: State::Waiting,
            opened_by: opened_by.to_owned(),
            created_at: now,
            purchase_event_id: None,
            content_hash: None,
            delivery_tier: None,
            purchased_at: None,
            authorised_by: None,
            declined_by: None,
            voided_by: None,
            void_reason: None,
            reserved_by: None,
            firm_by: None,
            rejected_by: None,
            expired_by: None,
            released_by: None,
            cancellation_by: None,
            answers_late: false,
            shipment_id: None,
            ship_by: None,
            deliver_by: None,
            at_risk: false,
            carrier: None,
            tracking: None,
            requested_at: None,
            ended_at: None,
            cancel_reason: None,
        }
    }

    /// Whether the money is held, as far as is known.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.authorised_by.is_some() && self.declined_by.is_none() && self.voided_by.is_none()
    }

    /// Whether the goods are put aside, as far as is known.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        (self.reserved_by.is_some() || self.firm_by.is_some()) && self.released_by.is_none()
    }
}
