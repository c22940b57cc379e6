//! `Purchase` version 1: one item, once, paid by a card that the provider already knows.

use serde::{Deserialize, Serialize};

use super::v2;
use crate::domain::{Channel, DeliveryTier, Purchase};

/// What `purchase.v1.avsc` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Purchase")]
#[expect(missing_docs, reason = "the .avsc documents every field")]
pub struct PurchaseV1 {
    pub event_id: String,
    pub purchase_id: String,
    pub customer_id: String,
    pub occurred_at: i64,
    pub item_id: i64,
    pub unit_price_minor: i64,
    pub currency: String,
    pub prime: bool,
    pub instructions: Option<String>,
}

impl PurchaseV1 {
    /// What version 1 can say of a purchase that [fits](super::lowest_version) it.
    #[must_use]
    pub fn of(purchase: &Purchase) -> Self {
        let line = purchase.lines.first();
        Self {
            event_id: purchase.event_id.clone(),
            purchase_id: purchase.purchase_id.clone(),
            customer_id: purchase.customer_id.clone(),
            occurred_at: purchase.occurred_at,
            item_id: line.map_or(0, |line| line.item_id),
            unit_price_minor: line.map_or(-1, |line| line.unit_price_minor),
            currency: purchase.currency.clone(),
            prime: purchase.delivery_tier == DeliveryTier::TwoDay,
            instructions: purchase.instructions.clone(),
        }
    }
}

impl From<PurchaseV1> for v2::PurchaseV2 {
    fn from(old: PurchaseV1) -> Self {
        Self {
            event_id: old.event_id,
            purchase_id: old.purchase_id,
            customer_id: old.customer_id,
            occurred_at: old.occurred_at,
            item_id: old.item_id,
            unit_price_minor: old.unit_price_minor,
            currency: old.currency,
            prime: old.prime,
            instructions: old.instructions,
            quantity: 1,
            channel: Channel::Unknown,
            delivery_tier: tier_of(old.prime),
            shipping_minor: 0,
            tax_minor: 0,
            payment_ref: None,
        }
    }
}

/// What `prime` means for delivery.
pub(super) fn tier_of(prime: bool) -> DeliveryTier {
    if prime {
        DeliveryTier::TwoDay
    } else {
        DeliveryTier::Standard
    }
}
