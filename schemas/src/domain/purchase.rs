//! A purchase as business code sees it: version 3's shape, validated.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One purchase. Money is in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// A function of the purchase id: publishing it again is the same event.
    pub event_id: String,
    /// The purchase; the key of every topic but stock.
    pub purchase_id: String,
    /// Who bought.
    pub customer_id: String,
    /// When, microseconds since the epoch.
    pub occurred_at: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    /// Where it was sold.
    pub channel: Channel,
    /// How fast it is to be delivered; `TwoDay` for Prime.
    pub delivery_tier: DeliveryTier,
    /// What was bought: at least one line, `line_no` ascending from 1.
    pub lines: Vec<Line>,
    /// Shipping, not negative.
    pub shipping_minor: i64,
    /// How it is paid: at least one tender; they add up to the total.
    pub tenders: Vec<Tender>,
    /// What the customer wrote to the packer.
    pub instructions: Option<String>,
    /// The version that it was written with: 1, 2 or 3.
    pub written_version: u8,
}

impl Purchase {
    /// What is to be paid: lines, their tax, and shipping. Validation has shown that it fits.
    #[must_use]
    pub fn total_minor(&self) -> i64 {
        let lines: i64 = (self.lines.iter())
            .map(|line| line.unit_price_minor * i64::from(line.quantity) + line.tax_minor)
            .sum();
        lines + self.shipping_minor
    }

    /// Of the total, what is tax.
    #[must_use]
    pub fn tax_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.tax_minor).sum()
    }
}

impl Purchase {
    /// A hash of what was bought, by whom and how: two events of one purchase id with different
    /// hashes contradict each other, and the later one is set aside as `conflicting_duplicate`.
    /// The event id, the time and the version it was written with are no part of it, nor is the
    /// channel: it bears no load, and version 1 cannot say it, so a purchase that is published
    /// again after a rollback to version 1 must not contradict itself.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let content = serde_json::json!([
            self.purchase_id,
            self.customer_id,
            self.currency,
            self.delivery_tier,
            self.lines,
            self.shipping_minor,
            self.tenders,
            self.instructions,
        ]);
        let digest = Sha256::digest(content.to_string().as_bytes());
        digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// One line of a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3, ...
    pub line_no: i32,
    /// The item; its decimal form is the SKU that stock is keyed by.
    pub item_id: i64,
    /// At least 1.
    pub quantity: i32,
    /// Not negative.
    pub unit_price_minor: i64,
    /// Tax of the whole line, not negative.
    pub tax_minor: i64,
    /// Whether it is to be wrapped.
    pub gift_wrap: bool,
}

/// One way in which part of a purchase is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    /// What it is.
    pub kind: TenderKind,
    /// How much of the total.
    pub amount_minor: i64,
    /// The provider's payment method, for a card (`pm_card_visa`); versions 1 and 2 may have none.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
}

/// A kind of tender. The first symbol is the type-level default: an unknown kind is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenderKind {
    /// A symbol that this build does not know.
    Unknown,
    /// A card, charged through the provider.
    Card,
    /// A gift card.
    GiftCard,
}

/// Where a purchase was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Channel {
    /// Not stated, or a symbol that this build does not know. It bears no load.
    Unknown,
    /// The web shop.
    Web,
    /// The app.
    App,
    /// A till.
    Store,
}

/// How fast a purchase is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryTier {
    /// A symbol that this build does not know: set aside.
    Unknown,
    /// Five days.
    Standard,
    /// Two days: Prime.
    TwoDay,
    /// The next day.
    NextDay,
}

/// Somebody asks to cancel a purchase. Whether it can still be cancelled is dispatch's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "PurchaseCancellationRequested")]
pub struct CancellationRequested {
    /// Deterministic for (purchase, asker's key).
    pub event_id: String,
    /// The purchase.
    pub purchase_id: String,
    /// When, microseconds since the epoch.
    pub occurred_at: i64,
    /// What caused it: the event id of the purchase, when it is known.
    pub causation_id: Option<String>,
    /// A bounded word: `customer`, `operator`, `fraud`.
    pub reason: String,
}
