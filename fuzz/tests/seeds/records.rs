//! Records: every golden case in every form, and newer schemas with a datum.

use fuzz::input::Seed;
use schemas::{Encoded, released};
use serde_json::{Value, json};

use super::cases::{self, AT};

const TOPICS: [&str; 5] = [
    schemas::topics::PURCHASES,
    schemas::topics::PAYMENTS,
    schemas::topics::RESERVATIONS,
    schemas::topics::SHIPMENTS,
    schemas::topics::STOCK,
];
/// Any other name is spelt out behind this byte.
const SPELT_OUT: u8 = 255;

fn index_of(encoded: &Encoded) -> u8 {
    let named = |schema: &schemas::released::Released| schema.fingerprint == encoded.payload[2..10];
    u8::try_from(released::all().iter().position(named).unwrap()).unwrap()
}

fn index_of_header(name: &str) -> u8 {
    let known = [
        "ce_id",
        "ce_type",
        "ce_minreader",
        "ce_dataschema",
        "__value_schema_id",
    ];
    let found = known.iter().position(|known| *known == name);
    found.map_or(SPELT_OUT, |index| u8::try_from(index).unwrap())
}

fn envelope(encoded: &Encoded) -> Vec<u8> {
    let topic = TOPICS
        .iter()
        .position(|topic| *topic == encoded.topic)
        .unwrap();
    let mut seed = Seed::default()
        .byte(u8::try_from(topic).unwrap())
        .i64(AT)
        .byte(1)
        .chunk(&encoded.key)
        .byte(u8::try_from(encoded.headers.len()).unwrap());
    for (name, value) in &encoded.headers {
        let index = index_of_header(name);
        seed = seed.byte(index);
        if index == SPELT_OUT {
            seed = seed.chunk(name.as_bytes());
        }
        seed = seed.byte(1).chunk(value);
    }
    seed.rest(&encoded.payload).bytes()
}

/// Every case as it is written, and some of what is around a record left out or wrong.
pub(crate) fn envelopes() -> Vec<Vec<u8>> {
    let encoded: Vec<Encoded> = cases::all().iter().map(cases::Case::encoded).collect();
    let mut seeds: Vec<Vec<u8>> = encoded.iter().map(envelope).collect();
    let purchase = &encoded[0];
    let with = |change: &dyn Fn(&mut Encoded)| {
        let mut changed = purchase.clone();
        change(&mut changed);
        envelope(&changed)
    };
    seeds.push(with(&|record| record.headers.clear()));
    seeds.push(with(&|record| record.key = b"another purchase".to_vec()));
    seeds.push(with(&|record| record.topic = schemas::topics::STOCK));
    seeds.push(with(&|record| record.payload[2..10].fill(0xEE)));
    seeds.push(with(&|record| {
        record
            .headers
            .push(("ce_minreader".to_owned(), b"4".to_vec()));
    }));
    seeds.push(with(&|record| {
        record
            .headers
            .push(("__value_schema_id".to_owned(), vec![0, 0, 0, 0, 1]));
    }));
    seeds
}

fn datums() -> impl Iterator<Item = (u8, Encoded, Vec<u8>)> {
    cases::all().into_iter().map(|case| {
        let encoded = case.encoded();
        let datum = encoded.payload[10..].to_vec();
        (index_of(&encoded), encoded, datum)
    })
}

/// Behind the magic byte: the id, the datum.
pub(crate) fn prefixes() -> Vec<Vec<u8>> {
    datums()
        .map(|(index, _, datum)| [&[0, 0, 0, index], &datum[..]].concat())
        .collect()
}

/// Behind the magic bytes: the fingerprint, the datum.
pub(crate) fn single_objects() -> Vec<Vec<u8>> {
    datums()
        .map(|(_, encoded, _)| encoded.payload[2..].to_vec())
        .collect()
}

/// A GUID or an id in the header, by turns, and the bare datum.
pub(crate) fn schema_headers() -> Vec<Vec<u8>> {
    let seed = |(place, (index, _, datum)): (usize, (u8, Encoded, Vec<u8>))| {
        let header = if place % 2 == 0 {
            [&[1][..], &[0; 15], &[index]].concat()
        } else {
            vec![0, 0, 0, 0, index]
        };
        Seed::default().chunk(&header).rest(&datum).bytes()
    };
    datums().enumerate().map(seed).collect()
}

fn newer(schema: &Value, datum: &[u8]) -> Vec<u8> {
    Seed::default()
        .chunk(schema.to_string().as_bytes())
        .rest(datum)
        .bytes()
}

/// A schema of a later version, without its documentation.
fn later(encoded: &Encoded) -> Value {
    let known = &released::all()[usize::from(index_of(encoded))];
    let mut schema: Value = serde_json::from_str(known.text).unwrap();
    without_documentation(&mut schema);
    schema["version"] = json!(9);
    schema
}

fn without_documentation(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(without_documentation),
        Value::Object(entries) => {
            entries.remove("doc");
            entries.values_mut().for_each(without_documentation);
        }
        _ => {}
    }
}

/// One field more behind what is known, which says nothing or something; and schemas that mean harm.
pub(crate) fn newer_schemas() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let fields = [
        (
            json!({ "name": "discount_minor", "type": "long", "default": 0 }),
            [0, 2],
        ),
        (
            json!({ "name": "coupon", "type": ["null", "string"], "default": null }),
            [0, 2],
        ),
        (
            json!({ "name": "tags", "default": [], "type": { "type": "array", "items": "string" } }),
            [0, 2],
        ),
        (
            json!({ "name": "hub", "default": "NONE", "type": { "type": "enum", "name": "Hub",
            "symbols": ["NONE", "EAST"] } }),
            [0, 2],
        ),
        (
            json!({ "name": "seen_at", "default": 0,
            "type": { "type": "long", "logicalType": "timestamp-micros" } }),
            [0, 2],
        ),
    ];
    for (place, (_, encoded, datum)) in datums().enumerate() {
        let (field, says) = &fields[place % fields.len()];
        let mut schema = later(&encoded);
        schema["fields"].as_array_mut().unwrap().push(field.clone());
        for last in &says[..1 + usize::from(place < 8)] {
            seeds.push(newer(&schema, &[&datum[..], &[*last]].concat()));
        }
    }
    let (_, cancellation, datum) = datums().find(|(index, ..)| *index == 3).unwrap();
    let known = released::all()[3].text;
    seeds.push(newer(&serde_json::from_str(known).unwrap(), &datum));
    // A schema that was put into a string: a name without an end.
    seeds.push(newer(&json!(known), &datum));
    let mut turned = later(&cancellation);
    turned["fields"].as_array_mut().unwrap().reverse();
    seeds.push(newer(&turned, &datum));
    seeds.extend(
        harmful(&cancellation)
            .iter()
            .map(|schema| newer(schema, &datum)),
    );
    seeds
}

fn harmful(encoded: &Encoded) -> Vec<Value> {
    let with = |field: Value| {
        let mut schema = later(encoded);
        schema["fields"].as_array_mut().unwrap().push(field);
        schema
    };
    let empty = json!({ "type": "record", "name": "Empty", "fields": [] });
    let many = json!({ "type": "array", "items": empty });
    let twice = json!({ "type": "record", "name": "Twice", "fields": [
        { "name": "a", "type": "Empty" }, { "name": "b", "type": "Empty" } ] });
    vec![
        with(
            json!({ "name": "again", "type": ["null", "PurchaseCancellationRequested"], "default": null }),
        ),
        with(json!({ "name": "many", "type": many, "default": [] })),
        with(json!({ "name": "twice", "type": twice, "default": {} })),
        with(json!({ "name": "all", "default": {}, "type": { "type": "map", "values": "bytes" } })),
        with(
            json!({ "name": "fixed", "default": "", "type": { "type": "fixed", "name": "F", "size": 2_000_000_000 } }),
        ),
        with(
            json!({ "name": "price", "type": { "type": "bytes", "logicalType": "decimal",
            "precision": 9, "scale": 2 }, "default": "\u{0}" }),
        ),
        with(json!({ "name": "copy", "type": { "type": "record" } })),
        json!({ "type": "record", "name": "Invoice", "namespace": "shop", "fields": [] }),
        json!(["null", "string"]),
        json!({ "type": "nonsense" }),
    ]
}
