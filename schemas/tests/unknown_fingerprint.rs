//! What a record says of itself besides its fingerprint: a version to come is waited for, damage is not.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use schemas::headers::SCHEMA_HEADER;
use schemas::{Decoder, Encoded, Event, RawRecord, Refused, versions};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;

/// As a build writes it that is newer than this one: by a fingerprint that nobody here knows.
fn by_an_unknown_fingerprint(encoded: &Encoded, stated_schema: Option<&str>) -> Encoded {
    let mut newer = encoded.clone();
    newer.payload[2..10].copy_from_slice(&[0xEE; 8]);
    newer.headers.retain(|(name, _)| name != SCHEMA_HEADER);
    let stated = stated_schema.map(|stated| (SCHEMA_HEADER.to_owned(), stated.into()));
    newer.headers.extend(stated);
    newer
}

#[test]
fn a_newer_version_named_by_fingerprint_waits_for_its_reader_and_is_no_poison() {
    for case in cases::all() {
        let encoded = case.encoded();
        let name = case.event.kind();
        let newest = schemas::released::newest(name).unwrap().version;
        let urn = |version: u32| format!("urn:counterflow:schema:{name}:{version}");
        for version in [newest + 1, newest + 7] {
            let newer = by_an_unknown_fingerprint(&encoded, Some(&urn(version)));
            let needed = version.max(versions::READER + 1);
            assert_eq!(read(&newer), Err(Refused::NeedsReader(needed)), "{name}");
        }
        // A version that this build knows has another fingerprint: these bytes are damaged.
        let unheard_of = "urn:counterflow:schema:Invoice:9".to_owned();
        for stated in [urn(newest), unheard_of, "shop".to_owned(), String::new()] {
            let damaged = by_an_unknown_fingerprint(&encoded, Some(&stated));
            assert!(is_unknown(&read(&damaged)), "{name} {stated}");
        }
        assert!(is_unknown(&read(&by_an_unknown_fingerprint(
            &encoded, None
        ))));
        let stated = encoded
            .headers
            .iter()
            .find(|(name, _)| name == SCHEMA_HEADER);
        assert_eq!(stated.unwrap().1, urn(case.version).into_bytes());
    }
}

fn read(encoded: &Encoded) -> Result<Event, Refused> {
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(&encoded.payload),
        headers: &encoded.headers,
        timestamp_micros: cases::AT,
    };
    let decoded = Decoder::new(versions::NEWEST).decode(&record);
    decoded.map(|decoded| decoded.event)
}

fn is_unknown(read: &Result<Event, Refused>) -> bool {
    matches!(
        read,
        Err(Refused::Poison {
            reason: "unknown_schema",
            ..
        })
    )
}
