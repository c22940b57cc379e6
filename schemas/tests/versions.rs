//! One meaning whatever the version: properties of writing, reading and refusing purchases.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use proptest::prelude::*;
use schemas::domain::{Channel, DeliveryTier, Line, Tender, TenderKind};
use schemas::validate::{self, Times};
use schemas::{
    Decoder, EncodeError, Encoded, Encoder, Event, Purchase, RawRecord, Refused, versions,
};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;
mod generated;

use generated::purchase;

fn read(purchase: &Purchase, version: u32, reader: u32) -> Result<Purchase, Refused> {
    decode(
        &Encoder::new().encode_purchase(purchase, version).unwrap(),
        reader,
    )
}

fn decode(encoded: &Encoded, reader: u32) -> Result<Purchase, Refused> {
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(&encoded.payload),
        headers: &encoded.headers,
        timestamp_micros: 0,
    };
    Decoder::new(reader)
        .decode(&record)
        .map(|decoded| match decoded.event {
            Event::Purchase(purchase) => purchase,
            other => panic!("not a purchase: {other:?}"),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_purchase_reads_back_as_it_was_at_every_version_that_fits(purchase in purchase()) {
        let lowest = versions::lowest_version(&purchase);
        for version in 1..=versions::NEWEST {
            if version < lowest {
                let refused = Encoder::new().encode_purchase(&purchase, version);
                prop_assert_eq!(refused, Err(EncodeError::DoesNotFit { version, lowest }));
                continue;
            }
            let back = read(&purchase, version, versions::NEWEST).unwrap();
            prop_assert_eq!(back.content_hash(), purchase.content_hash());
            prop_assert_eq!(&back.event_id, &purchase.event_id);
            prop_assert_eq!(back.occurred_at, purchase.occurred_at);
            if version > 1 {
                prop_assert_eq!(back.channel, purchase.channel);
            }
        }
    }

    #[test]
    fn a_reader_below_what_is_needed_parks_and_never_guesses(purchase in purchase()) {
        for version in versions::lowest_version(&purchase)..=versions::NEWEST {
            let needed = versions::min_reader(&purchase, version);
            for reader in 1..=versions::NEWEST {
                match read(&purchase, version, reader) {
                    Ok(back) => {
                        prop_assert!(reader >= needed);
                        prop_assert_eq!(back.content_hash(), purchase.content_hash());
                    }
                    Err(refused) => prop_assert_eq!(refused, Refused::NeedsReader(needed)),
                }
            }
        }
    }

    #[test]
    fn an_old_reader_of_a_basket_finds_no_item_and_no_price(purchase in purchase()) {
        let stated = versions::v3::PurchaseV3::of(&purchase);
        if versions::lowest_version(&purchase) > 1 {
            prop_assert_eq!((stated.item_id, stated.unit_price_minor, stated.quantity), (0, -1, 0));
        } else {
            prop_assert_eq!(stated.item_id, purchase.lines[0].item_id);
            prop_assert_eq!(stated.unit_price_minor, purchase.total_minor());
        }
    }
}

/// The reason for which the basket is refused once it is changed.
fn refused(change: impl Fn(&mut Purchase)) -> &'static str {
    let mut purchase = cases::basket();
    change(&mut purchase);
    match validate::purchase(&purchase, Times::known_by(cases::AT)) {
        Err(Refused::Poison {
            reason,
            in_values: true,
            ..
        }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_would_charge_wrongly_is_refused_by_name() {
    for price in [-1, i64::MIN, i64::MAX] {
        assert_eq!(
            refused(|it| it.lines[0].unit_price_minor = price),
            "invalid_amount"
        );
    }
    assert_eq!(
        refused(|it| it.lines[0].unit_price_minor += 1),
        "total_mismatch"
    );
    assert_eq!(refused(|it| it.lines[0].tax_minor = -1), "invalid_amount");
    assert_eq!(refused(|it| it.shipping_minor = -1), "invalid_amount");
    for currency in ["XXX", "", "usd", "EURO", "US$"] {
        assert_eq!(
            refused(|it| it.currency = currency.into()),
            "invalid_currency"
        );
    }
    assert_eq!(refused(|it| it.tenders.clear()), "invalid_tenders");
    assert_eq!(
        refused(|it| it.tenders[1].amount_minor -= 1),
        "total_mismatch"
    );
    assert_eq!(
        refused(|it| it.tenders[1].amount_minor = 0),
        "invalid_amount"
    );
    assert_eq!(
        refused(|it| it.tenders[0].kind = TenderKind::Unknown),
        "invalid_tenders"
    );
    assert_eq!(
        refused(|it| it.tenders[0].kind = TenderKind::Card),
        "invalid_tenders"
    );
}

#[test]
fn what_would_ship_wrongly_is_refused_by_name() {
    assert_eq!(refused(|it| it.lines[0].item_id = 0), "invalid_item_id");
    assert_eq!(refused(|it| it.lines[1].line_no = 1), "invalid_lines");
    assert_eq!(refused(|it| it.lines.clear()), "invalid_lines");
    assert_eq!(
        refused(|it| it.lines = vec![it.lines[0].clone(); 10_000]),
        "invalid_lines"
    );
    for quantity in [0, -1, i32::MAX, i32::MIN] {
        assert_eq!(
            refused(|it| it.lines[0].quantity = quantity),
            "invalid_quantity"
        );
    }
    assert_eq!(
        refused(|it| it.delivery_tier = DeliveryTier::Unknown),
        "invalid_tier"
    );
    assert_eq!(
        refused(|it| it.instructions = Some("x".repeat(2_001))),
        "invalid_instructions"
    );
}

#[test]
fn ids_and_times_that_no_purchase_has_are_refused_by_name() {
    let day = 86_400_000_000;
    for time in [
        0,
        -1,
        253_402_300_799_000_000,
        cases::AT + 2 * day,
        i64::MAX,
        i64::MIN,
    ] {
        assert_eq!(refused(|it| it.occurred_at = time), "invalid_time");
    }
    assert_eq!(
        refused(|it| it.customer_id = String::new()),
        "invalid_customer_id"
    );
    assert_eq!(
        refused(|it| it.purchase_id = "a\nb".into()),
        "invalid_purchase_id"
    );
    assert_eq!(
        refused(|it| it.event_id = "x".repeat(129)),
        "invalid_event_id"
    );
}

#[test]
fn a_free_purchase_is_refused_and_an_unknown_channel_is_not() {
    let mut free = cases::plain();
    free.lines[0].unit_price_minor = 0;
    free.tenders = vec![Tender {
        kind: TenderKind::Card,
        amount_minor: 0,
        reference: None,
    }];
    assert!(validate::purchase(&free, Times::of_this_century()).is_err());
    let unknown = Purchase {
        channel: Channel::Unknown,
        ..cases::basket()
    };
    assert_eq!(
        validate::purchase(&unknown, Times::of_this_century()),
        Ok(())
    );
}

#[test]
fn a_card_may_be_asked_for_millions_of_rupiah() {
    let mut dear = cases::plain();
    dear.currency = "IDR".to_owned();
    dear.lines[0].unit_price_minor = validate::AMOUNT_MINOR_MAX;
    dear.tenders[0].amount_minor = validate::AMOUNT_MINOR_MAX;
    assert_eq!(validate::purchase(&dear, Times::of_this_century()), Ok(()));
    dear.currency = "USD".to_owned();
    assert!(validate::purchase(&dear, Times::of_this_century()).is_err());
}

#[test]
fn a_card_is_asked_for_no_more_than_a_provider_takes_in_whatever_version() {
    let most = validate::CARD_MINOR_MAX;
    let mut dear = cases::plain();
    dear.lines[0].unit_price_minor = most;
    dear.tenders[0].amount_minor = most;
    // One minor unit more has as many bytes, wherever it is said.
    let said = |minor: i64| {
        let bits = (minor << 1).cast_unsigned();
        (0..4).map(move |at| (bits >> (7 * at) & 0x7F) as u8 | if at < 3 { 0x80 } else { 0 })
    };
    let (least, more): (Vec<u8>, Vec<u8>) = (said(most).collect(), said(most + 1).collect());
    for version in 1..=versions::NEWEST {
        let mut encoded = Encoder::new().encode_purchase(&dear, version).unwrap();
        assert!(decode(&encoded, versions::NEWEST).is_ok());
        for at in 0..encoded.payload.len() - 4 {
            if encoded.payload[at..].starts_with(&least) {
                encoded.payload[at..at + 4].copy_from_slice(&more);
            }
        }
        let refused = decode(&encoded, versions::NEWEST);
        let Err(Refused::Poison { reason, detail, .. }) = refused else {
            panic!("version {version}: {refused:?}");
        };
        assert_eq!(reason, "card_amount_too_large", "version {version}");
        assert!(detail.contains("amount_minor"), "{detail}");
    }
    // Nobody writes one, and what is paid by gift card has no such limit.
    dear.lines[0].unit_price_minor = most + 1;
    dear.tenders[0].amount_minor = most + 1;
    let refused = Encoder::new().encode_purchase(&dear, 3);
    assert!(
        matches!(refused, Err(EncodeError::Invalid(_))),
        "{refused:?}"
    );
    dear.tenders[0].kind = TenderKind::GiftCard;
    assert!(read(&dear, 3, versions::NEWEST).is_ok());
}

#[test]
fn the_largest_purchase_does_not_overflow() {
    let mut largest = cases::basket();
    let line = Line {
        line_no: 1,
        item_id: i64::MAX,
        quantity: validate::QUANTITY_MAX,
        unit_price_minor: validate::AMOUNT_MINOR_MAX,
        tax_minor: validate::AMOUNT_MINOR_MAX,
        gift_wrap: false,
    };
    largest.lines = (1..=1_000)
        .map(|line_no| Line {
            line_no,
            ..line.clone()
        })
        .collect();
    let refused = validate::purchase(&largest, Times::of_this_century());
    assert!(
        matches!(
            refused,
            Err(Refused::Poison {
                reason: "invalid_amount",
                ..
            })
        ),
        "{refused:?}"
    );
}
