//! `Purchase` version 2: one item in any quantity, with tax, shipping and a payment method.

use serde::{Deserialize, Serialize};

use super::v3;
use crate::domain::{Channel, DeliveryTier, Purchase, TenderKind};

/// What `purchase.v2.avsc` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Purchase")]
#[expect(missing_docs, reason = "the .avsc documents every field")]
pub struct PurchaseV2 {
    pub event_id: String,
    pub purchase_id: String,
    pub customer_id: String,
    pub occurred_at: i64,
    pub item_id: i64,
    pub unit_price_minor: i64,
    pub currency: String,
    pub prime: bool,
    pub instructions: Option<String>,
    pub quantity: i32,
    pub channel: Channel,
    pub delivery_tier: DeliveryTier,
    pub shipping_minor: i64,
    pub tax_minor: i64,
    pub payment_ref: Option<String>,
}

impl PurchaseV2 {
    /// What version 2 can say of a purchase that [fits](super::lowest_version) it.
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
            quantity: line.map_or(0, |line| line.quantity),
            channel: purchase.channel,
            delivery_tier: purchase.delivery_tier,
            shipping_minor: purchase.shipping_minor,
            tax_minor: line.map_or(-1, |line| line.tax_minor),
            payment_ref: purchase
                .tenders
                .first()
                .and_then(|tender| tender.reference.clone()),
        }
    }
}

impl From<PurchaseV2> for v3::PurchaseV3 {
    fn from(old: PurchaseV2) -> Self {
        // A product that does not fit saturates, and validation refuses what is that large.
        let items_minor = old.unit_price_minor.saturating_mul(i64::from(old.quantity));
        let total_minor = items_minor
            .saturating_add(old.tax_minor)
            .saturating_add(old.shipping_minor);
        let line = v3::Line {
            line_no: 1,
            item_id: old.item_id,
            quantity: old.quantity,
            unit_price_minor: old.unit_price_minor,
            tax_minor: old.tax_minor,
            gift_wrap: false,
        };
        let tender = v3::Tender {
            kind: TenderKind::Card,
            amount_minor: total_minor,
            reference: old.payment_ref.clone(),
        };
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
            quantity: old.quantity,
            channel: old.channel,
            delivery_tier: old.delivery_tier,
            shipping_minor: old.shipping_minor,
            tax_minor: old.tax_minor,
            payment_ref: old.payment_ref,
            totals: v3::Totals {
                items_minor,
                tax_minor: old.tax_minor,
                shipping_minor: old.shipping_minor,
                total_minor,
            },
            lines: vec![line],
            tenders: vec![tender],
        }
    }
}
