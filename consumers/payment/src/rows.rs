//! The tables of payment: one row per purchase, and the ledger that is only ever added to.
//!
//! The row keeps *which facts are known*, each with the event that stated it, and where the payment
//! stands. What is to be done next follows from the row alone (`step.rs`).

use runtime::Timestamp;

use crate::state::State;

/// `provider_ref` of a payment for which no provider was needed.
pub const WITHOUT_PROVIDER: &str = "gift-card";

runtime::table! {
    /// The payment of one purchase.
    pub struct Payment in "payments" {
        key {
            /// The purchase.
            purchase_id: String,
        }
        /// Where it stands.
        state: State,
        /// The event id of the purchase; none while only other facts are known.
        purchase_event_id: Option<String>,
        /// What was bought, hashed: another hash under the same id is a contradiction.
        content_hash: Option<String>,
        /// ISO 4217, upper case.
        currency: Option<String>,
        /// What is to be paid in all, minor units.
        amount_minor: i64,
        /// Of it, through the provider; the rest is paid by gift card.
        card_minor: i64,
        /// Of it, tax.
        tax_minor: i64,
        /// Of it, shipping.
        shipping_minor: i64,
        /// The provider's name for the card.
        payment_method: Option<String>,
        /// The event that stated that there is no stock.
        rejected_by: Option<String>,
        /// The event that cancelled the purchase.
        cancelled_by: Option<String>,
        /// Why it was cancelled.
        cancel_reason: Option<String>,
        /// The event that stated the hand-over.
        handed_over_by: Option<String>,
        /// The provider's payment intent.
        provider_ref: Option<String>,
        /// The provider's refund.
        refund_ref: Option<String>,
        /// Why it ended as it did: the decline code, why it was voided, refunded or not captured.
        reason: Option<String>,
        /// When the row was made, microseconds.
        created_at: i64,
        /// When the money was held.
        authorised_at: Option<i64>,
        /// When the money was taken.
        captured_at: Option<i64>,
        /// When it was declined, voided, refunded or given up.
        ended_at: Option<i64>,
    }
}

runtime::table! {
    /// One thing that happened to money: balanced, and never changed.
    pub struct JournalEntry in "journal_entries" {
        key {
            /// `purchase_id:kind`.
            entry_id: String,
        }
        /// The purchase.
        purchase_id: String,
        /// What happened: a bounded word.
        kind: String,
        /// The event that led to it.
        causation_id: String,
        /// When, microseconds.
        posted_at: i64,
    }
}

runtime::table! {
    /// One transfer of an entry. It names both accounts, so that a row cannot be out of balance.
    pub struct Posting in "postings" {
        key {
            /// `purchase_id:kind:n`.
            posting_id: String,
        }
        /// The entry.
        entry_id: String,
        /// Where the amount is a debit.
        debit_account: String,
        /// Where the amount is a credit.
        credit_account: String,
        /// At least 1, minor units.
        amount_minor: i64,
        /// ISO 4217, upper case.
        currency: String,
    }
}

runtime::row_sets! {
    /// Everything that payment keeps.
    pub struct PaymentRows, keys PaymentKeys {
        load payments: Payment,
        append entries: JournalEntry,
        append postings: Posting,
    }
}

impl Payment {
    /// The row of a purchase of which nothing is known yet.
    #[must_use]
    pub fn expected(purchase_id: &str, now: Timestamp) -> Self {
        Self {
            purchase_id: purchase_id.to_owned(),
            state: State::Expected,
            purchase_event_id: None,
            content_hash: None,
            currency: None,
            amount_minor: 0,
            card_minor: 0,
            tax_minor: 0,
            shipping_minor: 0,
            payment_method: None,
            rejected_by: None,
            cancelled_by: None,
            cancel_reason: None,
            handed_over_by: None,
            provider_ref: None,
            refund_ref: None,
            reason: None,
            created_at: now,
            authorised_at: None,
            captured_at: None,
            ended_at: None,
        }
    }

    /// Whether the provider has a part in it.
    #[must_use]
    pub fn needs_provider(&self) -> bool {
        self.card_minor > 0
    }

    /// What is paid by gift card.
    #[must_use]
    pub fn gift_card_minor(&self) -> i64 {
        self.amount_minor - self.card_minor
    }

    /// Whether money is held and neither taken nor let go.
    #[must_use]
    pub fn holds_money(&self) -> bool {
        matches!(
            self.state,
            State::Authorised | State::Voiding | State::Capturing
        )
    }
}
