//! Valid purchases of every shape, for properties.

use proptest::prelude::*;
use schemas::domain::{Channel, DeliveryTier, Line, Tender, TenderKind};
use schemas::{Purchase, validate};

fn line() -> impl Strategy<Value = Line> {
    (
        1..=i64::MAX,
        prop_oneof![3 => Just(1), 2 => 1..=10_000],
        0..=1_000_000_i64,
        prop_oneof![2 => Just(0), 1 => 0..=100_000_i64],
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(item_id, quantity, unit_price_minor, tax_minor, gift_wrap)| Line {
                line_no: 0,
                item_id,
                quantity,
                unit_price_minor,
                tax_minor,
                gift_wrap,
            },
        )
}

fn reference() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), "[a-z]{1,3}_[A-Za-z0-9]{1,30}".prop_map(Some)]
}

/// A valid purchase.
pub(crate) fn purchase() -> impl Strategy<Value = Purchase> {
    let tier = prop_oneof![
        Just(DeliveryTier::Standard),
        Just(DeliveryTier::TwoDay),
        Just(DeliveryTier::NextDay)
    ];
    let channel = prop_oneof![
        Just(Channel::Unknown),
        Just(Channel::Web),
        Just(Channel::App),
        Just(Channel::Store)
    ];
    let lines = prop_oneof![
        2 => prop::collection::vec(line(), 1),
        1 => prop::collection::vec(line(), 1..8),
    ];
    let shipping = prop_oneof![2 => Just(0), 1 => 0..=10_000_i64];
    let ids = (
        "[a-zA-Z0-9-]{1,40}",
        "[^\\p{C}\\s]{1,40}",
        "[a-zA-Z0-9-]{1,128}",
    );
    let currency = prop_oneof![Just("USD"), Just("JPY"), Just("EUR"), Just("KWD")];
    let instructions = prop::option::of("[^\\p{C}]{0,200}");
    let at = 1_000_000_000_000_000..2_000_000_000_000_000_i64;
    (
        ids,
        (tier, channel, currency, instructions),
        lines,
        shipping,
        reference(),
        any::<bool>(),
        at,
    )
        .prop_map(
            |(ids, said, mut lines, shipping_minor, reference, by_gift_card, occurred_at)| {
                for (line_no, line) in (1..).zip(&mut lines) {
                    line.line_no = line_no;
                }
                let (event_id, purchase_id, customer_id) = ids;
                let (delivery_tier, channel, currency, instructions) = said;
                let mut purchase = Purchase {
                    event_id,
                    // Formatting characters that show nothing are refused in ids.
                    purchase_id: purchase_id
                        .chars()
                        .filter(|c| c.is_alphanumeric())
                        .chain(['p'])
                        .collect(),
                    customer_id,
                    occurred_at,
                    currency: currency.to_owned(),
                    channel,
                    delivery_tier,
                    lines,
                    // Somebody pays something.
                    shipping_minor,
                    tenders: Vec::new(),
                    instructions,
                    written_version: 3,
                };
                if purchase.total_minor() == 0 {
                    purchase.lines[0].unit_price_minor = 1;
                }
                purchase.tenders = tenders(purchase.total_minor(), reference, by_gift_card);
                purchase
            },
        )
}

fn tenders(total_minor: i64, reference: Option<String>, by_gift_card: bool) -> Vec<Tender> {
    let card_minor = match by_gift_card && total_minor > 1 {
        true => total_minor - total_minor / 2,
        false => total_minor,
    };
    // What no card may be asked for is paid by gift card.
    let card_minor = card_minor.min(validate::CARD_MINOR_MAX);
    let card = Tender {
        kind: TenderKind::Card,
        amount_minor: card_minor,
        reference,
    };
    if card_minor == total_minor {
        return vec![card];
    }
    let gift = Tender {
        kind: TenderKind::GiftCard,
        amount_minor: total_minor - card_minor,
        reference: Some("gift-1".to_owned()),
    };
    vec![gift, card]
}
