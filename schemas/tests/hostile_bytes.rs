//! Bytes that were made to hurt: none of them panics, is accepted, or costs more than its length.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;

use proptest::prelude::*;
use schemas::decode::{Found, SchemaSource};
use schemas::wire::framing::{SchemaName, WireForm};
use schemas::{Decoded, Decoder, Encoded, Event, RawRecord, Refused, released, versions};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;

fn decode_as(encoded: &Encoded, payload: &[u8]) -> Result<Decoded, Refused> {
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(payload),
        headers: &encoded.headers,
        timestamp_micros: cases::AT,
    };
    Decoder::new(versions::NEWEST).decode(&record)
}

fn reason(result: &Result<Decoded, Refused>) -> &'static str {
    match result {
        Err(Refused::Poison { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn zigzag(value: i64) -> Vec<u8> {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    loop {
        let byte = (bits & 0x7F) as u8;
        bits >>= 7;
        if bits == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// The basket of version 3, up to the count of its lines.
fn up_to_the_lines() -> (Encoded, Vec<u8>) {
    let basket = cases::all()
        .into_iter()
        .rfind(|case| case.version == 3)
        .unwrap();
    let encoded = basket.encoded();
    // Three lines: the count 6, then line_no 1 and item 2341083.
    let mark = [&zigzag(3)[..], &zigzag(1), &zigzag(2_341_083)].concat();
    let at = encoded
        .payload
        .windows(mark.len())
        .position(|window| window == mark)
        .unwrap();
    let head = encoded.payload[..at].to_vec();
    (encoded, head)
}

#[test]
fn a_count_that_promises_more_than_the_bytes_hold_is_refused() {
    let (encoded, head) = up_to_the_lines();
    for count in [
        1 << 29,
        1 << 62,
        i64::MAX,
        i64::MIN,
        i64::MIN + 1,
        -(1 << 29),
        10_001,
        500,
    ] {
        let mut payload = [head.clone(), zigzag(count)].concat();
        payload.extend([0; 64]);
        let refused = decode_as(&encoded, &payload);
        let reason = reason(&refused);
        let expected = [
            "too_many_items",
            "undecodable",
            "truncated",
            "trailing_bytes",
        ];
        assert!(expected.contains(&reason), "{count}: {reason}");
    }
}

#[test]
fn a_block_that_lies_about_its_size_is_refused() {
    let (encoded, head) = up_to_the_lines();
    let line = [
        zigzag(1),
        zigzag(5),
        zigzag(1),
        zigzag(100),
        zigzag(0),
        vec![0],
    ]
    .concat();
    for stated in [0, 1, 1_000_000, -1, i64::MIN] {
        let payload = [
            head.clone(),
            zigzag(-1),
            zigzag(stated),
            line.clone(),
            vec![0; 40],
        ]
        .concat();
        assert_eq!(
            reason(&decode_as(&encoded, &payload)),
            "undecodable",
            "{stated}"
        );
    }
}

#[test]
fn a_basket_in_several_blocks_with_true_sizes_is_read() {
    let (encoded, head) = up_to_the_lines();
    let rest = &encoded.payload[head.len()..];
    // The same lines in a block that states its size: from behind the count to before the end.
    let tenders = [zigzag(2), zigzag(2), zigzag(5_000)].concat();
    let end = rest
        .windows(tenders.len())
        .rposition(|window| window == tenders)
        .unwrap();
    let lines = &rest[1..end - 1];
    let size = zigzag(i64::try_from(lines.len()).unwrap());
    let payload = [&head, &zigzag(-3), &size, lines, &rest[end - 1..]].concat();
    let expected = decode_as(&encoded, &encoded.payload).unwrap();
    assert_eq!(decode_as(&encoded, &payload), Ok(expected));
}

#[test]
fn text_lengths_and_integers_out_of_range_are_refused() {
    let case = cases::all().remove(0);
    let encoded = case.encoded();
    let head = &encoded.payload[..10];
    for length in [1 << 31, 512 * 1024 * 1024 - 1, i64::MAX] {
        let payload = [head, &zigzag(length), b"abc"].concat();
        assert_eq!(
            reason(&decode_as(&encoded, &payload)),
            "truncated",
            "{length}"
        );
    }
    for length in [-1, i64::MIN] {
        let payload = [head, &zigzag(length), b"abc"].concat();
        assert_eq!(
            reason(&decode_as(&encoded, &payload)),
            "undecodable",
            "{length}"
        );
    }
    let overlong = [head, &[0xFF; 11]].concat();
    assert_eq!(reason(&decode_as(&encoded, &overlong)), "undecodable");
    let not_utf8 = [head, &zigzag(2), &[0xC0, 0x80], &[0; 30]].concat();
    assert_eq!(reason(&decode_as(&encoded, &not_utf8)), "invalid_utf8");
}

type Headers = Vec<(String, Vec<u8>)>;

/// A registry that knows a schema under its index as an id, and under a GUID that ends with it.
struct ByIndex;

impl SchemaSource for ByIndex {
    fn find(&self, name: SchemaName) -> Result<Found, Refused> {
        let index = match name {
            SchemaName::Id(id) => id as usize,
            SchemaName::Guid(guid) => usize::from(guid[15]),
            other @ SchemaName::Fingerprint(_) => panic!("{other} is known without a registry"),
        };
        Ok(Found::Released(&released::all()[index]))
    }
}

/// A record in each of the three forms: what stands before its datum, and its headers.
fn forms(encoded: &Encoded) -> [(WireForm, Vec<u8>, Headers); 3] {
    let fingerprint = &encoded.payload[2..10];
    let index = (released::all().iter())
        .position(|schema| schema.fingerprint == *fingerprint)
        .unwrap();
    let index = u8::try_from(index).unwrap();
    let guid = [&[1][..], &[0; 15], &[index]].concat();
    let named = [
        encoded.headers.clone(),
        vec![("__value_schema_id".to_owned(), guid)],
    ];
    [
        (
            WireForm::SingleObject,
            encoded.payload[..10].to_vec(),
            encoded.headers.clone(),
        ),
        (
            WireForm::ConfluentPrefix,
            vec![0, 0, 0, 0, index],
            encoded.headers.clone(),
        ),
        (WireForm::ConfluentHeader, Vec::new(), named.concat()),
    ]
}

#[test]
fn whatever_its_version_and_form_a_record_that_is_cut_short_anywhere_is_refused() {
    let decoder = Decoder::new(versions::NEWEST).with_source(Arc::new(ByIndex));
    let mut refused = 0;
    for case in cases::all() {
        let encoded = case.encoded();
        for (form, frame, headers) in forms(&encoded) {
            let whole = [&frame[..], &encoded.payload[10..]].concat();
            let read = |payload: &[u8]| {
                decoder.decode(&RawRecord {
                    topic: encoded.topic,
                    key: Some(&encoded.key),
                    payload: Some(payload),
                    headers: &headers,
                    timestamp_micros: cases::AT,
                })
            };
            let decoded = read(&whole).unwrap();
            assert_eq!(
                (decoded.event, decoded.written.form),
                (case.event.clone(), form)
            );
            for end in 0..whole.len() {
                let expected = match (end, form) {
                    (0, _) => "empty",
                    // One byte of two says nothing of the form.
                    (1, WireForm::SingleObject) => "bad_magic",
                    _ => "truncated",
                };
                let result = read(&whole[..end]);
                let what = format!("{}, {form:?}, {end} of {}", case.says, whole.len());
                assert_eq!(reason(&result), expected, "{what}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5_000, "{refused}");
}

#[test]
fn a_payload_above_the_limit_is_refused_unread() {
    let encoded = cases::all()[0].encoded();
    let payload = vec![0xC3; schemas::DATUM_BYTES_MAX + 1];
    assert_eq!(reason(&decode_as(&encoded, &payload)), "too_large");
}

#[test]
fn payloads_that_are_no_avro_are_refused_by_their_first_bytes() {
    let encoded = cases::all()[0].encoded();
    for payload in [
        &b"{\"Type\":\"PurchasedItemOnWebsite\"}"[..],
        b"\x08\x96\x01",
        b"plain text",
        b"\x1f\x8b\x08",
    ] {
        assert_eq!(reason(&decode_as(&encoded, payload)), "bad_magic");
    }
    assert_eq!(
        reason(&decode_as(&encoded, &[0, 0xFF, 0xFF, 0xFF, 0xFF, 1])),
        "unknown_schema"
    );
    assert_eq!(
        reason(&decode_as(&encoded, &[0xC3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        "unknown_schema"
    );
}

#[test]
fn the_allocation_limit_is_in_force() {
    assert_eq!(schemas::init(), schemas::DATUM_BYTES_MAX);
    assert_eq!(schemas::init(), schemas::DATUM_BYTES_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_behind_any_schema_never_panic(
        index in 0..released::all().len(),
        datum in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let schema = &released::all()[index];
        let payload = [&[0xC3, 1][..], &schema.fingerprint, &datum].concat();
        let record = RawRecord {
            topic: schema.topic,
            key: Some(b"key"),
            payload: Some(&payload),
            headers: &Vec::new(),
            timestamp_micros: 0,
        };
        // Random bytes hold no valid ids and times, so nothing of them can be accepted.
        prop_assert!(Decoder::new(versions::NEWEST).decode(&record).is_err());
    }

    #[test]
    fn a_changed_byte_never_panics_and_never_makes_an_invalid_event(
        case in 0..cases::all().len(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let case = &cases::all()[case];
        let encoded = case.encoded();
        let mut payload = encoded.payload.clone();
        let at = at.index(payload.len());
        payload[at] = to;
        if let Ok(decoded) = decode_as(&encoded, &payload) {
            prop_assert_eq!(decoded.written.form, WireForm::SingleObject);
            let times = schemas::validate::Times::known_by(cases::AT);
            prop_assert_eq!(schemas::validate::event(&decoded.event, times), Ok(()));
            if let Event::Purchase(purchase) = &decoded.event {
                let paid: i64 = purchase.tenders.iter().map(|tender| tender.amount_minor).sum();
                prop_assert_eq!(paid, purchase.total_minor());
            }
        }
    }
}
