//! Records of versions that are newer than this build: read where they say nothing new, parked where
//! they do, and never read as what they are not.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use schemas::domain::Channel;
use schemas::{Encoded, Encoder, Event, Purchase, Refused, released};
use serde_json::{Value, json};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod fake_registry;
mod reading;

use fake_registry::FakeRegistry;
use reading::{as_prefix, decode, open, reason, schema};

/// Version 4: version 3 and one field more.
fn version_4(field: &str) -> String {
    let text = released::newest("Purchase").unwrap().text;
    let text = text.replace("\"version\": 3", "\"version\": 4");
    let end = text.rfind(']').unwrap();
    format!("{},{field}{}", &text[..end], &text[end..])
}

#[test]
fn a_newer_version_is_read_where_it_says_nothing_new_and_parked_where_it_does() {
    let fake = FakeRegistry::start();
    let field = r#"{"name":"discount_minor","type":"long","default":0}"#;
    fake.answers("GET /schemas/ids/4", 200, schema(&version_4(field)));
    let source = open(&fake);
    let encoded = Encoder::new().encode_purchase(&cases::basket(), 3).unwrap();
    let later = |discount: u8, headers: Vec<(String, Vec<u8>)>| {
        let mut record = as_prefix(&encoded, 4);
        record.payload.push(discount);
        Encoded { headers, ..record }
    };
    let min_reader = |version: &str| vec![("ce_minreader".to_owned(), version.into())];

    let says_nothing_new = decode(&source, &later(0, vec![])).unwrap();
    assert_eq!(says_nothing_new.written.version, 4);
    assert_eq!(
        says_nothing_new.event,
        schemas::Event::Purchase(cases::basket())
    );
    assert_eq!(
        decode(&source, &later(2, vec![])),
        Err(Refused::NeedsReader(4))
    );
    // The producer knows what the new field means, and vouches for older readers.
    assert!(decode(&source, &later(2, min_reader("3"))).is_ok());
    assert_eq!(
        decode(&source, &later(0, min_reader("4"))),
        Err(Refused::NeedsReader(4))
    );

    let mut cut = later(0, vec![]);
    cut.payload.pop();
    assert_eq!(reason(decode(&source, &cut)), "truncated");
    let mut more = later(0, vec![]);
    more.payload.push(0);
    assert_eq!(reason(decode(&source, &more)), "trailing_bytes");
}

/// Version 3 of a purchase as JSON, to be made into another.
fn version_3() -> Value {
    serde_json::from_str(released::newest("Purchase").unwrap().text).unwrap()
}

#[test]
fn a_type_that_is_used_a_second_time_is_read_like_the_first() {
    let fake = FakeRegistry::start();
    let field = r#"{"name":"billed_by","type":"Channel","default":"UNKNOWN"}"#;
    fake.answers("GET /schemas/ids/4", 200, schema(&version_4(field)));
    let source = open(&fake);
    let encoded = Encoder::new().encode_purchase(&cases::basket(), 3).unwrap();
    let billed_by = |symbol: u8| {
        let mut record = as_prefix(&encoded, 4);
        record.payload.push(symbol);
        record.headers.clear();
        decode(&source, &record)
    };
    let says_nothing_new = billed_by(0).unwrap();
    assert_eq!(says_nothing_new.event, Event::Purchase(cases::basket()));
    assert_eq!(says_nothing_new.written.version, 4);
    assert_eq!(billed_by(2), Err(Refused::NeedsReader(4)));
    assert_eq!(reason(billed_by(8)), "undecodable");
}

#[test]
fn a_known_field_whose_type_stands_elsewhere_is_read_by_what_the_name_stands_for() {
    // The first field defines the type with symbols in another order; the known one refers to it.
    let mut schema_4 = version_3();
    let fields = schema_4["fields"].as_array_mut().unwrap();
    let channel = fields
        .iter_mut()
        .find(|field| field["name"] == "channel")
        .unwrap();
    let mut defined = channel["type"].take();
    defined["symbols"] = json!(["UNKNOWN", "APP", "WEB", "STORE"]);
    channel["type"] = json!("Channel");
    fields.insert(
        0,
        json!({ "name": "seen_in", "type": defined, "default": "UNKNOWN" }),
    );

    let fake = FakeRegistry::start();
    fake.answers("GET /schemas/ids/4", 200, schema(&schema_4.to_string()));
    let source = open(&fake);
    let encoded = Encoder::new().encode_purchase(&cases::basket(), 3).unwrap();
    let mut record = as_prefix(&encoded, 4);
    record.headers.clear();
    record.payload.insert(5, 0);
    let in_app = Purchase {
        channel: Channel::App,
        ..cases::basket()
    };
    assert_eq!(
        decode(&source, &record).unwrap().event,
        Event::Purchase(in_app)
    );
}

#[test]
fn a_name_that_now_stands_for_something_else_is_never_read_as_what_it_was() {
    // "Line" is an enum in this version, and the lines refer to it.
    let mut schema_4 = version_3();
    let fields = schema_4["fields"].as_array_mut().unwrap();
    let lines = fields
        .iter_mut()
        .find(|field| field["name"] == "lines")
        .unwrap();
    lines["type"]["items"] = json!("Line");
    let line = json!({ "type": "enum", "name": "Line", "symbols": ["NONE", "ONE"] });
    fields.insert(
        0,
        json!({ "name": "kind", "type": line, "default": "NONE" }),
    );

    let of_version_3 = Encoder::new().encode_purchase(&cases::basket(), 3).unwrap();
    let known = released::newest("Purchase").unwrap().schema;
    let reader = GenericDatumReader::builder(known).build().unwrap();
    let datum = reader.read_value(&mut &of_version_3.payload[10..]).unwrap();
    let Avro::Record(mut values) = datum else {
        panic!("a purchase is a record");
    };
    let line = |index: u32, symbol: &str| Avro::Enum(index, symbol.to_owned());
    let lines = values.iter_mut().find(|(name, _)| name == "lines").unwrap();
    lines.1 = Avro::Array(vec![line(1, "ONE")]);
    values.insert(0, ("kind".to_owned(), line(0, "NONE")));
    let written = Schema::parse(&schema_4).unwrap();
    let writer = GenericDatumWriter::builder(&written).build().unwrap();
    let datum = writer.write_value_to_vec(Avro::Record(values)).unwrap();

    let fake = FakeRegistry::start();
    fake.answers("GET /schemas/ids/4", 200, schema(&schema_4.to_string()));
    let source = open(&fake);
    let payload = [&[0, 0, 0, 0, 4], &datum[..]].concat();
    for headers in [vec![], vec![("ce_minreader".to_owned(), b"3".to_vec())]] {
        let record = Encoded {
            payload: payload.clone(),
            headers,
            ..of_version_3.clone()
        };
        assert_eq!(decode(&source, &record), Err(Refused::NeedsReader(4)));
    }
}
