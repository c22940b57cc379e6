//! Records whose schema a registry knows, and that no reader should ever parse or follow: recursive, deep,
//! wide, long, or with numbers that money cannot be. Whoever may register a schema may register such a one,
//! so the readers refuse it by themselves.

use std::fmt::Write as _;

use client::Record;
use harness::{broker::fresh_name, probe, registry::Registry};
use schemas::{Encoder, Purchase, registry::TEXT_BYTES_MAX, topics};
use serde_json::{Value, json};

use super::rows;

/// What a single-object payload begins with: two bytes of magic and eight of fingerprint.
const FRAME_BYTES: usize = 10;
const PURCHASE: &str = include_str!("../../../../../schemas/avsc/purchase.v3.avsc");

/// Of stock, named by its id, among purchases.
pub(super) fn stock_by_id(registry: &Registry) -> Record {
    let text = include_str!("../../../../../schemas/avsc/stock_received.v1.avsc");
    let id = registered(registry, &serde_json::from_str(text).unwrap());
    let mut record = rows::stock();
    rename(&mut record, id);
    record.topic = topics::PURCHASES.to_owned();
    record
}

/// Of a newer version with a list of nothing: as many items as anybody likes, and no byte for any of them.
pub(super) fn array_of_nulls(registry: &Registry, base: &Purchase) -> Record {
    let nulls =
        json!({"name": "nothing", "default": [], "type": {"type": "array", "items": "null"}});
    let mut record = named_by(registered(registry, &newer(nulls)), base);
    extend(&mut record, &[varint(500_000_000), varint(0)].concat());
    record
}

/// Of a newer version whose total is no whole number.
pub(super) fn not_whole_numbers<'a>(
    registry: &Registry,
    bases: &'a [Purchase],
) -> impl Iterator<Item = (&'static str, Record)> + 'a {
    let floating = registered(registry, &with_total_of(&json!("double")));
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 50});
    let decimal = registered(registry, &with_total_of(&decimal));
    let bytes = |number: f64| (floating, number.to_le_bytes().to_vec());
    let numbers = [
        ("nan", bytes(f64::NAN)),
        ("infinity", bytes(f64::INFINITY)),
        ("minus_infinity", bytes(f64::NEG_INFINITY)),
        ("minus_zero", bytes(-0.0)),
        ("subnormal", bytes(f64::MIN_POSITIVE / 2.0)),
        (
            "decimal_of_50_places",
            (decimal, [varint(20), vec![0x7f; 20]].concat()),
        ),
    ];
    (numbers.into_iter().zip(bases)).map(|((kind, (id, number)), base)| {
        let mut record = named_by(id, base);
        let total: i64 = base.tenders.iter().map(|tender| tender.amount_minor).sum();
        let payload = record.payload.as_mut().unwrap();
        assert!(
            payload.ends_with(&varint(total)),
            "a purchase ends in its total"
        );
        payload.truncate(payload.len() - varint(total).len());
        payload.extend(number);
        (kind, record)
    })
}

/// Of a newer version that says something which this build does not know and, says its header, need not.
pub(super) fn vouched_for(registry: &Registry, base: &Purchase, weight: f64) -> Record {
    let weight_of = json!({"name": "weight", "type": "double", "default": 0.0});
    let mut record = named_by(registered(registry, &newer(weight_of)), base);
    extend(&mut record, &weight.to_le_bytes());
    record
}

/// A type that contains itself: a datum could nest without end.
pub(super) fn recursive() -> Value {
    record(&json!([{"name": "inner", "type": ["null", "Purchase"], "default": null}]))
}

/// Arrays of arrays.
pub(super) fn deep() -> Value {
    let mut inner = json!("int");
    for _ in 0..60 {
        inner = json!({"type": "array", "items": inner});
    }
    record(&json!([{"name": "inner", "type": inner}]))
}

/// Of more fields or more text than any schema of ours could ever have, and a harmless one that is not ours.
pub(super) fn long_ones() -> Vec<(&'static str, Value)> {
    let wide = |fields: usize| {
        let field =
            |number: usize| json!({"name": format!("f{number}"), "type": "int", "default": 0});
        record(&(0..fields).map(field).collect())
    };
    let long = |bytes: usize| {
        let mut schema = record(&json!([{"name": "n", "type": "long"}]));
        schema["doc"] = "x".repeat(bytes).into();
        schema
    };
    vec![
        ("of_2_000_fields", wide(2_000)),
        ("of_10_000_fields", wide(10_000)),
        // More than a schema may be, and more than is read of an answer.
        ("of_a_long_text", long(TEXT_BYTES_MAX + 1)),
        ("of_a_longer_text", long(3 * TEXT_BYTES_MAX)),
        ("of_somebody_else", long(1)),
    ]
}

/// The id under which the registry knows it from now on.
pub(super) fn registered(registry: &Registry, schema: &Value) -> u32 {
    let subject = format!("{}-{}", topics::PURCHASES, fresh_name("hostile"));
    let asked = json!({ "schema": schema.to_string() });
    let url = format!("{}/subjects/{subject}/versions", registry.url());
    let (status, answer) = probe::post(&url, &asked).unwrap();
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    u32::try_from(answer["id"].as_u64().unwrap()).unwrap()
}

/// A good purchase that names another schema.
pub(super) fn named_by(id: u32, base: &Purchase) -> Record {
    let mut record: Record = Encoder::new().encode_purchase(base, 3).unwrap().into();
    rename(&mut record, id);
    record
}

/// A record that names its schema in a header, by a GUID.
pub(super) fn named_by_guid(base: &Purchase) -> Record {
    let mut record = Record::from(Encoder::new().encode_purchase(base, 3).unwrap());
    record.payload = (record.payload).map(|payload| payload[FRAME_BYTES..].to_vec());
    let name = [&[1][..], &[7; 16]].concat();
    let header = schemas::wire::framing::SCHEMA_ID_HEADER.to_owned();
    record.headers.push((header, Some(name)));
    record
}

fn rename(record: &mut Record, id: u32) {
    let payload = record.payload.take().unwrap();
    record.payload = Some([&[0], &id.to_be_bytes()[..], &payload[FRAME_BYTES..]].concat());
}

fn extend(record: &mut Record, bytes: &[u8]) {
    record.payload.as_mut().unwrap().extend(bytes);
}

/// The next version of a purchase, with one more field.
fn newer(field: Value) -> Value {
    let mut schema: Value = serde_json::from_str(PURCHASE).unwrap();
    schema["version"] = 4.into();
    schema["fields"].as_array_mut().unwrap().push(field);
    schema
}

/// The next version of a purchase, whose total is of another type.
fn with_total_of(r#type: &Value) -> Value {
    let mut schema: Value = serde_json::from_str(PURCHASE).unwrap();
    schema["version"] = 4.into();
    let totals = schema["fields"].as_array_mut().unwrap().last_mut().unwrap();
    totals.as_object_mut().unwrap().remove("default");
    let total = totals["type"]["fields"].as_array_mut().unwrap().last_mut();
    *total.unwrap() = json!({"name": "total_minor", "type": r#type});
    schema
}

/// One that is named as ours is, in a namespace of its own: the registry is shared, and knows equal schemas
/// by one id.
fn record(fields: &Value) -> Value {
    let mut namespace = String::from("hostile");
    for part in fresh_name("schema").split(|c: char| !c.is_ascii_alphanumeric()) {
        write!(namespace, ".n{part}").expect("a text takes what is written");
    }
    json!({"type": "record", "name": "Purchase", "namespace": namespace, "fields": fields})
}

/// An Avro int or long.
fn varint(number: i64) -> Vec<u8> {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}
