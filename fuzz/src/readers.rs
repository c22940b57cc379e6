//! What must be true of every record, read or refused, and whatever reads it.

use std::sync::Arc;

use schemas::decode::{Found, SchemaSource};
use schemas::released::{self, Released};
use schemas::validate::{self, Times};
use schemas::wire::framing::SchemaName;
use schemas::{Decoded, Decoder, Encoded, Encoder, Event, Purchase, RawRecord, Refused, versions};

/// 2026-03-12T09:30:00.123456Z: the time of the seeds, and the clock that they are judged by.
pub(crate) const AT: i64 = 1_773_307_800_123_456;

/// A registry that knows a released schema under its index as an id, and under a GUID that ends
/// with it.
struct ByIndex;

/// What [`ByIndex`] finds.
pub(crate) fn schema_of(name: SchemaName) -> Option<&'static Released> {
    match name {
        SchemaName::Id(id) => released::all().get(id as usize),
        SchemaName::Guid(guid) => released::all().get(usize::from(guid[15])),
        SchemaName::Fingerprint(fingerprint) => released::by_fingerprint(fingerprint),
    }
}

impl SchemaSource for ByIndex {
    fn find(&self, name: SchemaName) -> Result<Found, Refused> {
        let unknown = || Refused::Poison {
            reason: "unknown_schema",
            detail: format!("{name} is not there"),
            in_values: false,
        };
        schema_of(name).map(Found::Released).ok_or_else(unknown)
    }
}

/// A reader of this version that looks up ids by index.
pub(crate) fn reader(version: u32) -> Decoder {
    Decoder::new(version).with_source(Arc::new(ByIndex))
}

/// Reads a record with every reader, and holds what each says against the others.
pub(crate) fn hold(record: &RawRecord<'_>) -> Result<Decoded, Refused> {
    let newest = reader(versions::READER).decode(record);
    match &newest {
        Ok(decoded) => accepted(record, decoded),
        Err(refused) => is_said_in_few_words(refused),
    }
    for version in 1..versions::READER {
        match reader(version).decode(record) {
            Err(Refused::NeedsReader(needed)) => assert!(needed > version, "it is one already"),
            // An older reader may wait; it never reads another thing, and sets aside no other.
            older => assert_eq!(older, newest, "reader {version}"),
        }
    }
    newest
}

/// A refusal is stored and shown: its reason is a word, its detail has a bound.
pub(crate) fn is_said_in_few_words(refused: &Refused) {
    match refused {
        Refused::Poison { reason, detail, .. } => {
            assert!(
                reason
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b"_8".contains(&b))
            );
            assert!(detail.len() <= 1_024, "{reason}: {} bytes", detail.len());
        }
        Refused::NeedsReader(needed) => assert!(*needed > versions::READER),
        Refused::RegistryAway(detail) => panic!("nobody was asked: {detail}"),
    }
}

fn accepted(record: &RawRecord<'_>, decoded: &Decoded) {
    let event = &decoded.event;
    let times = Times::known_by(record.timestamp_micros);
    assert_eq!(
        validate::event(event, times),
        Ok(()),
        "acting on it is right"
    );
    assert_eq!(record.key, Some(event.key().as_bytes()));
    let stated = |name| record.headers.last(name);
    assert!(stated("ce_id").is_none_or(|id| id == event.event_id().as_bytes()));

    let payload = record.payload.unwrap();
    let other_length = |payload: &[u8]| {
        let changed = RawRecord {
            payload: Some(payload),
            ..*record
        };
        reader(versions::READER).decode(&changed).is_ok()
    };
    assert!(
        !other_length(&[payload, &[0]].concat()),
        "one byte more was overlooked"
    );
    assert!(
        !other_length(&payload[..payload.len() - 1]),
        "the last byte was not needed"
    );

    match event {
        Event::Purchase(purchase) => {
            assert_eq!(u32::from(purchase.written_version), decoded.written.version);
            is_written_back_at_every_version(purchase);
        }
        other => {
            let encoded = Encoder::new().encode_event(other).unwrap();
            assert_eq!(read_back(&encoded).event, *other);
        }
    }
}

/// A valid purchase can be written at each version that can say it, and is read back as what it was.
pub(crate) fn is_written_back_at_every_version(purchase: &Purchase) {
    let paid: i64 = purchase
        .tenders
        .iter()
        .map(|tender| tender.amount_minor)
        .sum();
    assert_eq!(paid, purchase.total_minor());
    let lowest = versions::lowest_version(purchase);
    assert!(
        lowest <= u32::from(purchase.written_version),
        "it said more than its version can"
    );
    for version in 1..=versions::NEWEST {
        let encoded = Encoder::new().encode_purchase(purchase, version);
        if version < lowest {
            assert!(encoded.is_err(), "version {version} cannot say it");
            continue;
        }
        let decoded = read_back(&encoded.unwrap());
        let Event::Purchase(again) = decoded.event else {
            panic!("a purchase was written");
        };
        assert_eq!(
            again.content_hash(),
            purchase.content_hash(),
            "version {version}"
        );
        let mut expected = purchase.clone();
        expected.written_version = u8::try_from(version).unwrap();
        if version == 1 {
            // Where it was sold bears no load, and version 1 cannot say it.
            expected.channel = again.channel;
        }
        assert_eq!(again, expected);
    }
}

/// Reads what this build has written: the newest reader takes it, an older one takes the same or
/// waits.
fn read_back(encoded: &Encoded) -> Decoded {
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(&encoded.payload),
        headers: &encoded.headers,
        timestamp_micros: 0,
    };
    let newest = reader(versions::READER).decode(&record).unwrap();
    for version in 1..versions::READER {
        match reader(version).decode(&record) {
            Err(Refused::NeedsReader(needed)) => assert!(needed > version),
            older => assert_eq!(older.as_ref(), Ok(&newest), "reader {version}"),
        }
    }
    newest
}
