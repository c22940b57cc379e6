//! `Purchase` version 3: a basket, paid in one or several ways.
//!
//! The fields of versions 1 and 2 are still there, because an old reader decodes version 3 too.
//! They are stated only when a reader of version 1 would understand the whole purchase; otherwise
//! they hold values that no purchase has, so that an old reader sets the record aside instead of
//! charging for part of a basket.

use serde::{Deserialize, Serialize};

use crate::domain::{self, Channel, DeliveryTier, Purchase, TenderKind};

/// What `purchase.v3.avsc` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Purchase")]
#[expect(missing_docs, reason = "the .avsc documents every field")]
pub struct PurchaseV3 {
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
    pub lines: Vec<Line>,
    pub tenders: Vec<Tender>,
    pub totals: Totals,
}

/// A line of version 3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the .avsc documents every field")]
pub struct Line {
    pub line_no: i32,
    pub item_id: i64,
    pub quantity: i32,
    pub unit_price_minor: i64,
    pub tax_minor: i64,
    pub gift_wrap: bool,
}

/// A tender of version 3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the .avsc documents every field")]
pub struct Tender {
    pub kind: TenderKind,
    pub amount_minor: i64,
    #[serde(rename = "ref")]
    pub reference: Option<String>,
}

/// The sums that version 3 states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the .avsc documents every field")]
pub struct Totals {
    pub items_minor: i64,
    pub tax_minor: i64,
    pub shipping_minor: i64,
    pub total_minor: i64,
}

impl PurchaseV3 {
    /// What version 3 says of a valid purchase.
    #[must_use]
    pub fn of(purchase: &Purchase) -> Self {
        let total_minor = purchase.total_minor();
        let tax_minor = purchase.tax_minor();
        let mut new = Self {
            event_id: purchase.event_id.clone(),
            purchase_id: purchase.purchase_id.clone(),
            customer_id: purchase.customer_id.clone(),
            occurred_at: purchase.occurred_at,
            item_id: 0,
            unit_price_minor: -1,
            currency: purchase.currency.clone(),
            prime: purchase.delivery_tier == DeliveryTier::TwoDay,
            instructions: purchase.instructions.clone(),
            quantity: 0,
            channel: purchase.channel,
            delivery_tier: purchase.delivery_tier,
            shipping_minor: -1,
            tax_minor: -1,
            payment_ref: None,
            lines: purchase.lines.iter().map(Line::of).collect(),
            tenders: purchase.tenders.iter().map(Tender::of).collect(),
            totals: Totals {
                items_minor: total_minor - tax_minor - purchase.shipping_minor,
                tax_minor,
                shipping_minor: purchase.shipping_minor,
                total_minor,
            },
        };
        if super::lowest_version(purchase) == 1 {
            new.state_old_fields();
        }
        new
    }

    /// Says in the old fields what the first line says, for readers of versions 1 and 2.
    fn state_old_fields(&mut self) {
        if let Some(line) = self.lines.first() {
            self.item_id = line.item_id;
            self.unit_price_minor = line.unit_price_minor;
            self.quantity = line.quantity;
            self.tax_minor = line.tax_minor;
            self.shipping_minor = self.totals.shipping_minor;
        }
    }

    /// Whether nothing is said in the fields of versions 1 and 2: there is no item 0.
    #[must_use]
    pub fn old_fields_are_unstated(&self) -> bool {
        self.item_id == 0
    }

    /// Whether the fields of versions 1 and 2 say the very same as the lines and tenders.
    #[must_use]
    pub fn old_fields_say_the_same(&self) -> bool {
        let ([line], [tender]) = (self.lines.as_slice(), self.tenders.as_slice()) else {
            return false;
        };
        self.item_id == line.item_id
            && self.unit_price_minor == line.unit_price_minor
            && self.quantity == line.quantity
            && self.tax_minor == line.tax_minor
            && self.shipping_minor == self.totals.shipping_minor
            && !line.gift_wrap
            && tender.kind == TenderKind::Card
            && self.payment_ref == tender.reference
    }

    /// The domain's purchase, not validated; `written_version` is the version that was read.
    #[must_use]
    pub fn into_domain(self, written_version: u8) -> Purchase {
        Purchase {
            event_id: self.event_id,
            purchase_id: self.purchase_id,
            customer_id: self.customer_id,
            occurred_at: self.occurred_at,
            currency: self.currency,
            channel: self.channel,
            delivery_tier: self.delivery_tier,
            lines: self.lines.into_iter().map(Line::into_domain).collect(),
            shipping_minor: self.totals.shipping_minor,
            tenders: self.tenders.into_iter().map(Tender::into_domain).collect(),
            instructions: self.instructions,
            written_version,
        }
    }
}

impl Line {
    fn of(line: &domain::Line) -> Self {
        Self {
            line_no: line.line_no,
            item_id: line.item_id,
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
            tax_minor: line.tax_minor,
            gift_wrap: line.gift_wrap,
        }
    }

    fn into_domain(self) -> domain::Line {
        domain::Line {
            line_no: self.line_no,
            item_id: self.item_id,
            quantity: self.quantity,
            unit_price_minor: self.unit_price_minor,
            tax_minor: self.tax_minor,
            gift_wrap: self.gift_wrap,
        }
    }
}

impl Tender {
    fn of(tender: &domain::Tender) -> Self {
        Self {
            kind: tender.kind,
            amount_minor: tender.amount_minor,
            reference: tender.reference.clone(),
        }
    }

    fn into_domain(self) -> domain::Tender {
        domain::Tender {
            kind: self.kind,
            amount_minor: self.amount_minor,
            reference: self.reference,
        }
    }
}
