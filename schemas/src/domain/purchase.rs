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
    ///
    /// Groups store it, so it must be the same in every build: the first half of the SHA-256 of the
    /// JSON array of these fields, objects with their members in alphabetical order, in hexadecimal.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(LineContent::of).collect();
        let tenders: Vec<_> = self.tenders.iter().map(TenderContent::of).collect();
        let content = (
            &self.purchase_id,
            &self.customer_id,
            &self.currency,
            self.delivery_tier,
            lines,
            self.shipping_minor,
            tenders,
            &self.instructions,
        );
        // Written as it stands, without a `Value` between: every group hashes every purchase.
        let json = serde_json::to_vec(&content).expect("strings, integers and booleans are JSON");
        hex(&Sha256::digest(&json)[..16])
    }
}

/// A line as it is hashed: its members in alphabetical order.
#[derive(Serialize)]
struct LineContent {
    gift_wrap: bool,
    item_id: i64,
    line_no: i32,
    quantity: i32,
    tax_minor: i64,
    unit_price_minor: i64,
}

impl LineContent {
    fn of(line: &Line) -> Self {
        Self {
            gift_wrap: line.gift_wrap,
            item_id: line.item_id,
            line_no: line.line_no,
            quantity: line.quantity,
            tax_minor: line.tax_minor,
            unit_price_minor: line.unit_price_minor,
        }
    }
}

/// A tender as it is hashed: its members in alphabetical order.
#[derive(Serialize)]
struct TenderContent<'a> {
    amount_minor: i64,
    kind: TenderKind,
    #[serde(rename = "ref")]
    reference: Option<&'a str>,
}

impl<'a> TenderContent<'a> {
    fn of(tender: &'a Tender) -> Self {
        Self {
            amount_minor: tender.amount_minor,
            kind: tender.kind,
            reference: tender.reference.as_deref(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let of = |byte: &u8| [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
    bytes.iter().flat_map(of).collect()
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

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{Channel, DeliveryTier, Line, Purchase, Tender, TenderKind, hex};

    fn purchase() -> Purchase {
        Purchase {
            event_id: "e".into(),
            purchase_id: "p".into(),
            customer_id: "c".into(),
            occurred_at: 1,
            currency: "EUR".into(),
            channel: Channel::Web,
            delivery_tier: DeliveryTier::TwoDay,
            lines: vec![Line {
                line_no: 1,
                item_id: 2_341_083,
                quantity: 2,
                unit_price_minor: 32_349,
                tax_minor: 7,
                gift_wrap: true,
            }],
            shipping_minor: 499,
            tenders: vec![Tender {
                kind: TenderKind::GiftCard,
                amount_minor: 65_204,
                reference: None,
            }],
            instructions: Some("ribbon \u{1f380}".into()),
            written_version: 3,
        }
    }

    #[test]
    fn a_hash_that_is_stored_is_the_same_in_every_build() {
        // The first 16 bytes of what `sha256sum` says of ["p","c","EUR","TWO_DAY",
        // [{"gift_wrap":true,"item_id":2341083,...}],499,[{"amount_minor":65204,...,"ref":null}],"ribbon \u{1f380}"].
        assert_eq!(
            purchase().content_hash(),
            "625cd5185a1fd182b8daee1191678092"
        );
    }

    #[test]
    fn it_is_the_hash_of_the_json_with_sorted_members() {
        let purchase = purchase();
        let content = serde_json::json!([
            purchase.purchase_id,
            purchase.customer_id,
            purchase.currency,
            purchase.delivery_tier,
            purchase.lines,
            purchase.shipping_minor,
            purchase.tenders,
            purchase.instructions,
        ]);
        let digest = Sha256::digest(content.to_string().as_bytes());
        assert_eq!(purchase.content_hash(), hex(&digest[..16]));
    }

    #[test]
    fn when_where_and_how_it_was_written_is_no_content() {
        let mut again = purchase();
        again.event_id = "f".into();
        again.occurred_at = 2;
        again.channel = Channel::Unknown;
        again.written_version = 1;
        assert_eq!(again.content_hash(), purchase().content_hash());
        again.shipping_minor += 1;
        assert_ne!(again.content_hash(), purchase().content_hash());
    }
}
