//! One or more events for every released schema: what the golden bytes say, and what the property
//! tests start from. Fixed for ever, like the files that they are written to.

use schemas::domain::{
    CancellationRequested, CaptureFailed, Channel, DeliveryTier, DispatchAtRisk, Line,
    PaymentAuthorised, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided,
    PurchaseCancelled, ReservationExpired, ReservedLine, ShipmentHandedOver, ShipmentRequested,
    StockAdjusted, StockCommitted, StockReceived, StockRejected, StockReleased, StockReserved,
    Tender, TenderKind,
};
use schemas::{Encoded, Encoder, Event, Fact, Purchase};

/// 2026-03-12T09:30:00.123456Z.
pub(crate) const AT: i64 = 1_773_307_800_123_456;

/// An event as one version writes it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What is special about it.
    pub(crate) says: &'static str,
    /// The schema's version.
    pub(crate) version: u32,
    /// The event, as a reader must find it.
    pub(crate) event: Event,
}

impl Case {
    /// The record that states it, without a registry.
    pub(crate) fn encoded(&self) -> Encoded {
        let encoder = Encoder::new();
        match &self.event {
            Event::Purchase(purchase) => encoder.encode_purchase(purchase, self.version).unwrap(),
            event => encoder.encode_event(event).unwrap(),
        }
    }

    /// The file of golden bytes: `purchase.v1.hex`.
    pub(crate) fn golden_file(&self) -> String {
        let mut name = String::new();
        for c in self.event.kind().chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        format!("{name}.v{}.hex", self.version)
    }
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = purchases();
    cases.push(Case {
        says: "a customer asks, the purchase being known",
        version: 1,
        event: Event::CancellationRequested(CancellationRequested {
            event_id: "b7a4c1de-0000-5000-8000-0000000000c1".into(),
            purchase_id: PURCHASE.into(),
            occurred_at: AT,
            causation_id: Some(EVENT.into()),
            reason: "customer".into(),
        }),
    });
    cases.extend(facts().into_iter().map(|(says, fact)| Case {
        says,
        version: 1,
        event: Event::Fact(fact),
    }));
    cases
}

const EVENT: &str = "b7a4c1de-0000-5000-8000-000000000001";
const PURCHASE: &str = "b7a4c1de-0000-5000-8000-0000000000aa";

/// One plain item without Prime: every version can say it.
pub(crate) fn plain() -> Purchase {
    Purchase {
        event_id: EVENT.into(),
        purchase_id: PURCHASE.into(),
        customer_id: "customer-417".into(),
        occurred_at: AT,
        currency: "USD".into(),
        channel: Channel::Unknown,
        delivery_tier: DeliveryTier::Standard,
        lines: vec![line(1, 2_341_083, 1, 32_349, 0, false)],
        shipping_minor: 0,
        tenders: vec![card(32_349, None)],
        instructions: Some("Please put a ribbon on my package".into()),
        written_version: 1,
    }
}

/// Three of one item, with tax, shipping and a card: versions 2 and 3 can say it.
pub(crate) fn several() -> Purchase {
    Purchase {
        channel: Channel::App,
        delivery_tier: DeliveryTier::NextDay,
        lines: vec![line(1, 77, 3, 1_999, 480, false)],
        shipping_minor: 599,
        tenders: vec![card(3 * 1_999 + 480 + 599, Some("pm_card_visa"))],
        instructions: None,
        written_version: 2,
        ..plain()
    }
}

/// A basket with a gift, paid by a gift card and a card: only version 3 can say it.
pub(crate) fn basket() -> Purchase {
    Purchase {
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        currency: "EUR".into(),
        lines: vec![
            line(1, 2_341_083, 1, 32_349, 5_165, true),
            line(2, 77, 12, 250, 479, false),
            line(3, 9_000_000_000, 1, 0, 0, false),
        ],
        shipping_minor: 499,
        tenders: vec![
            Tender {
                kind: TenderKind::GiftCard,
                amount_minor: 5_000,
                reference: Some("gc-1".into()),
            },
            card(
                32_349 + 5_165 + 3_000 + 479 + 499 - 5_000,
                Some("pm_card_mastercard"),
            ),
        ],
        instructions: Some("Grüße\n„für Anna“ 🎁".into()),
        written_version: 3,
        ..plain()
    }
}

fn purchases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |says, version: u8, purchase: Purchase| {
        let event = Event::Purchase(Purchase {
            written_version: version,
            ..purchase
        });
        cases.push(Case {
            says,
            version: u32::from(version),
            event,
        });
    };
    let prime = Purchase {
        delivery_tier: DeliveryTier::TwoDay,
        instructions: None,
        currency: "JPY".into(),
        ..plain()
    };
    add("one item with instructions", 1, plain());
    add("one item with Prime, in yen", 1, prime.clone());
    add("what version 1 can say, too", 2, plain());
    add("three of one item by the next day", 2, several());
    add("what version 1 can say, too", 3, prime);
    add("what version 2 can say, too", 3, several());
    add(
        "a basket with a gift, two tenders and a free item",
        3,
        basket(),
    );
    cases
}

fn line(
    line_no: i32,
    item_id: i64,
    quantity: i32,
    unit_price_minor: i64,
    tax_minor: i64,
    gift_wrap: bool,
) -> Line {
    Line {
        line_no,
        item_id,
        quantity,
        unit_price_minor,
        tax_minor,
        gift_wrap,
    }
}

fn card(amount_minor: i64, reference: Option<&str>) -> Tender {
    Tender {
        kind: TenderKind::Card,
        amount_minor,
        reference: reference.map(str::to_owned),
    }
}

macro_rules! of_purchase {
    ($kind:ident { $($field:ident : $value:expr),* $(,)? }) => {
        Fact::$kind($kind {
            event_id: "b7a4c1de-0000-5000-8000-0000000000f1".into(),
            purchase_id: PURCHASE.into(),
            occurred_at: AT,
            causation_id: EVENT.into(),
            $($field: $value,)*
        })
    };
}

fn facts() -> Vec<(&'static str, Fact)> {
    let mut facts = payment_facts();
    facts.extend(inventory_facts());
    facts.extend(dispatch_facts());
    facts
}

fn payment_facts() -> Vec<(&'static str, Fact)> {
    let intent = || "pi_3PnKcVDd7u8Hr".to_owned();
    let usd = || "USD".to_owned();
    vec![
        (
            "money held",
            of_purchase!(PaymentAuthorised {
                amount_minor: 32_349,
                currency: usd(),
                provider_ref: intent(),
            }),
        ),
        (
            "paid by gift card alone",
            of_purchase!(PaymentAuthorised {
                amount_minor: 0,
                currency: usd(),
                provider_ref: "gift-card".into(),
            }),
        ),
        (
            "no funds",
            of_purchase!(PaymentDeclined {
                reason: "insufficient_funds".into()
            }),
        ),
        (
            "money taken",
            of_purchase!(PaymentCaptured {
                amount_minor: 32_349,
                currency: usd(),
                provider_ref: intent(),
            }),
        ),
        (
            "no stock",
            of_purchase!(PaymentVoided {
                reason: "no_stock".into()
            }),
        ),
        (
            "money back",
            of_purchase!(PaymentRefunded {
                amount_minor: 32_349,
                currency: usd(),
                provider_ref: "re_1".into(),
                reason: "customer".into(),
            }),
        ),
        (
            "gave up",
            of_purchase!(CaptureFailed {
                reason: "expired".into(),
                attempts: 9
            }),
        ),
    ]
}

fn inventory_facts() -> Vec<(&'static str, Fact)> {
    let lines = || {
        vec![
            ReservedLine {
                line_no: 1,
                sku: "2341083".into(),
                quantity: 1,
            },
            ReservedLine {
                line_no: 2,
                sku: "77".into(),
                quantity: 12,
            },
        ]
    };
    vec![
        (
            "until a time",
            of_purchase!(StockReserved {
                lines: lines(),
                expires_at: Some(AT + 900_000_000),
            }),
        ),
        (
            "firm",
            of_purchase!(StockReserved {
                lines: lines(),
                expires_at: None
            }),
        ),
        ("sold out", of_purchase!(StockRejected { lines: lines() })),
        (
            "cancelled",
            of_purchase!(StockReleased {
                reason: "cancelled".into()
            }),
        ),
        ("lapsed", of_purchase!(ReservationExpired {})),
        (
            "gone",
            of_purchase!(StockCommitted {
                shipment_id: "s-1".into()
            }),
        ),
        (
            "a delivery",
            Fact::StockReceived(StockReceived {
                event_id: "delivery-8812-1".into(),
                sku: "2341083".into(),
                occurred_at: AT,
                causation_id: None,
                quantity: 5_000_000_000 / 10,
            }),
        ),
        (
            "three were missing",
            Fact::StockAdjusted(StockAdjusted {
                event_id: "count-3".into(),
                sku: "77".into(),
                occurred_at: AT,
                causation_id: Some("count-of-march".into()),
                quantity_change: -3,
                reason: "shrinkage".into(),
            }),
        ),
    ]
}

fn dispatch_facts() -> Vec<(&'static str, Fact)> {
    let day = 86_400_000_000;
    vec![
        (
            "in two days",
            of_purchase!(ShipmentRequested {
                shipment_id: "s-1".into(),
                ship_by: AT + day,
                deliver_by: AT + 2 * day,
            }),
        ),
        (
            "on the truck",
            of_purchase!(ShipmentHandedOver {
                shipment_id: "s-1".into(),
                carrier: "sandbox".into(),
                tracking: "TRK1".into(),
            }),
        ),
        (
            "still here",
            of_purchase!(DispatchAtRisk {
                ship_by: AT + day,
                waiting_for: "carrier".into(),
            }),
        ),
        (
            "declined",
            of_purchase!(PurchaseCancelled {
                reason: "declined".into()
            }),
        ),
    ]
}
