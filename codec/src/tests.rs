//! What every group relies on, through the runtime's own types.

use runtime::{Coordinates, Headers, Outgoing, Record, Refusal};
use schemas::domain::{
    Channel, DeliveryTier, Line, PaymentAuthorised, StockReceived, Tender, TenderKind,
};
use schemas::{Decoder, Encoder, Event, Fact, Purchase};

use super::{Codec, outgoing};

const NOW: i64 = 1_760_000_000_000_000;

fn delivered(outgoing: Outgoing) -> Record {
    Record {
        at: Coordinates {
            topic: outgoing.topic.into(),
            partition: 0,
            offset: 7,
        },
        key: Some(outgoing.key),
        payload: outgoing.payload,
        headers: outgoing.headers,
        timestamp_micros: NOW,
    }
}

fn purchase(quantity: i32) -> Purchase {
    Purchase {
        event_id: "e-1".into(),
        purchase_id: "p-1".into(),
        customer_id: "c-1".into(),
        occurred_at: NOW,
        currency: "USD".into(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        lines: vec![Line {
            line_no: 1,
            item_id: 2_341_083,
            quantity,
            unit_price_minor: 32_349,
            tax_minor: 0,
            gift_wrap: false,
        }],
        shipping_minor: 0,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor: 32_349 * i64::from(quantity),
            reference: None,
        }],
        instructions: Some("Please put a ribbon on my package".into()),
        written_version: 3,
    }
}

fn authorised() -> Fact {
    Fact::from(PaymentAuthorised {
        event_id: "e-2".into(),
        purchase_id: "p-1".into(),
        occurred_at: NOW,
        causation_id: "e-1".into(),
        amount_minor: 32_349,
        currency: "USD".into(),
        provider_ref: "pi_1".into(),
    })
}

fn poison(result: Result<Event, Refusal>) -> &'static str {
    match result {
        Err(Refusal::Poison { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_fact_is_read_as_it_was_written() {
    let codec = Codec::without_registry();
    let stock = Fact::StockReceived(StockReceived {
        event_id: "s-1".into(),
        sku: "2341083".into(),
        occurred_at: NOW,
        causation_id: None,
        quantity: 5,
    });
    for fact in [authorised(), stock] {
        let record = delivered(codec.write(&fact));
        let (event, written) = codec.read_written(&record).unwrap();
        assert_eq!(written.name, fact.kind());
        assert_eq!(written.version, 1);
        assert_eq!(event, Event::Fact(fact));
    }
}

#[test]
fn a_purchase_reads_the_same_from_every_version_that_can_say_it() {
    let codec = Codec::without_registry();
    for version in 1..=3 {
        let encoded = codec
            .encoder()
            .encode_purchase(&purchase(1), version)
            .unwrap();
        let (event, written) = codec.read_written(&delivered(outgoing(encoded))).unwrap();
        assert_eq!(written.version, version);
        let Event::Purchase(read) = event else {
            panic!("not a purchase: {event:?}")
        };
        assert_eq!(read.content_hash(), purchase(1).content_hash());
        assert_eq!(u32::from(read.written_version), version);
    }
}

#[test]
fn a_reader_that_would_misunderstand_a_purchase_parks_it() {
    let old = Codec::new(Decoder::new(1), Encoder::new());
    let encoded = old.encoder().encode_purchase(&purchase(2), 2).unwrap();
    let record = delivered(outgoing(encoded));
    assert_eq!(old.read(&record), Err(Refusal::Parked { min_reader: 2 }));

    // The schema alone must do: a foreign producer may send no header at all.
    let bare = Record {
        headers: Headers::default(),
        ..record
    };
    assert_eq!(old.read(&bare), Err(Refusal::Parked { min_reader: 2 }));
}

#[test]
fn a_record_that_contradicts_itself_is_set_aside_by_name() {
    let codec = Codec::without_registry();
    let record = delivered(codec.write(&authorised()));

    let other_key = Record {
        key: Some(b"p-2".to_vec()),
        ..record.clone()
    };
    assert_eq!(poison(codec.read(&other_key)), "key_mismatch");
    let no_key = Record {
        key: None,
        ..record.clone()
    };
    assert_eq!(poison(codec.read(&no_key)), "key_mismatch");
    let tombstone = Record {
        payload: None,
        ..record.clone()
    };
    assert_eq!(poison(codec.read(&tombstone)), "empty");

    for (name, value) in [
        ("ce_id", "e-3"),
        ("ce_type", "shop.PaymentVoided"),
        ("ce_minreader", "x"),
    ] {
        let mut lying = record.clone();
        lying.headers.push(name, value);
        assert_eq!(poison(codec.read(&lying)), "header_mismatch", "{name}");
    }
}

/// A record of another topic is set aside as such.
#[test]
fn a18_a_record_of_another_topic_is_set_aside_as_such() {
    let codec = Codec::without_registry();
    let mut record = delivered(codec.write(&authorised()));
    for topic in [schemas::topics::SHIPMENTS, schemas::topics::PURCHASES] {
        record.at.topic = topic.into();
        assert_eq!(poison(codec.read(&record)), "wrong_topic", "{topic}");
    }
}

#[test]
fn a_record_that_names_an_unknown_schema_is_set_aside_without_a_registry() {
    let codec = Codec::without_registry();
    let mut record = delivered(codec.write(&authorised()));
    record.payload = Some(vec![0, 0, 0, 0, 9, 1, 2, 3]);
    assert_eq!(poison(codec.read(&record)), "unknown_schema");
}
