//! Records whose schema a registry knows, and that no reader should ever parse or follow: recursive, deep,
//! wide, long. Whoever may register a schema may register such a one, so the readers refuse it by themselves.

use std::{fmt::Write as _, time::Duration};

use client::Record;
use harness::{Broker as _, broker::fresh_name, eventually, kafka::Kafka, probe, registry};
use schemas::{Encoder, Purchase, registry::TEXT_BYTES_MAX, topics};
use serde_json::{Value, json};

use crate::whole::{
    database::Database,
    members::Pipeline,
    shop::{self, Counter},
};

const DEADLINE: Duration = Duration::from_secs(60);
/// What a single-object payload begins with: two bytes of magic and eight of fingerprint.
const FRAME_BYTES: usize = 10;

#[test]
fn a_hostile_schema_is_refused_whatever_the_registry_says_of_it() {
    let kafka = Kafka::start().unwrap();
    let registry = registry::shared().url();
    let tables = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tables.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("registry.url", &registry);
    pipeline.set("consumer.dead_letter_share_max", "1");
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.succeed(&["schemas", "register"]);
    pipeline.start_sandbox();
    let counter = Counter::open(&pipeline.bootstrap);

    let hostile = [
        recursive(),
        deep(),
        wide(),
        foreign(),
        // More than a schema may be, and more than is read of an answer.
        long(TEXT_BYTES_MAX + 1),
        long(3 * TEXT_BYTES_MAX),
    ];
    let bases = shop::purchases(1, 3, hostile.len());
    let records = (hostile.iter().zip(&bases))
        .map(|(schema, base)| named_by(registered(&registry, schema), base));
    // This registry has no look-up by GUID.
    let by_guid = named_by_guid(&shop::purchases(3, 3, 1)[0]);
    let records: Vec<Record> = records.chain([by_guid]).collect();
    let unreadable = records.len();
    let places = counter.publish(records);
    let behind = shop::purchases(2, 2, 40);
    counter.buy(&behind);
    let groups = ["payment", "timeline"];
    for group in groups {
        pipeline.start(group, &[]);
    }

    for group in groups {
        let query = "SELECT partition, record_offset, reason FROM dead_letters";
        eventually(DEADLINE, &format!("{group} sets them aside"), || {
            let found = pipeline.database.look(group, query);
            found.is_ok_and(|found| found.len() == unreadable)
        });
        for row in pipeline.database.look(group, query).unwrap() {
            let place = (row[0].parse().unwrap(), row[1].parse().unwrap());
            assert!(places.contains(&place), "{group}: {row:?}");
            assert_eq!(row[2], "unknown_schema", "{group}");
        }
    }
    eventually(DEADLINE, "what is behind them is authorised", || {
        let query = "SELECT count(*) FROM payments WHERE state = 'authorised'";
        let found = pipeline.database.number("payment", query);
        found.is_ok_and(|found| usize::try_from(found) == Ok(behind.len()))
    });
    pipeline.assert_running();
}

/// A record that names its schema in a header, by a GUID.
fn named_by_guid(base: &Purchase) -> Record {
    let mut record = Record::from(Encoder::new().encode_purchase(base, 3).unwrap());
    record.payload = record
        .payload
        .map(|payload| payload[FRAME_BYTES..].to_vec());
    let name = [&[1][..], &[7; 16]].concat();
    let header = schemas::wire::framing::SCHEMA_ID_HEADER.to_owned();
    record.headers.push((header, Some(name)));
    record
}

/// A type that contains itself: a datum could nest without end.
fn recursive() -> Value {
    json!({"type": "record", "name": "Purchase", "namespace": fresh_namespace(), "fields": [
        {"name": "inner", "type": ["null", "Purchase"], "default": null},
    ]})
}

/// Arrays of arrays.
fn deep() -> Value {
    let mut inner = json!("int");
    for _ in 0..60 {
        inner = json!({"type": "array", "items": inner});
    }
    json!({"type": "record", "name": "Purchase", "namespace": fresh_namespace(), "fields": [
        {"name": "inner", "type": inner},
    ]})
}

/// More fields than any record of ours could ever have.
fn wide() -> Value {
    let field = |number: usize| json!({"name": format!("f{number}"), "type": "int", "default": 0});
    let fields: Vec<Value> = (0..2_000).map(field).collect();
    json!({"type": "record", "name": "Purchase", "namespace": fresh_namespace(), "fields": fields})
}

/// A text of so many bytes and a few more.
fn long(text_bytes: usize) -> Value {
    json!({"type": "record", "name": "Purchase", "namespace": fresh_namespace(),
        "doc": "x".repeat(text_bytes), "fields": [{"name": "n", "type": "long"}]})
}

/// A harmless one that is not ours.
fn foreign() -> Value {
    json!({"type": "record", "name": "Purchase", "namespace": fresh_namespace(), "fields": [
        {"name": "n", "type": "long"},
    ]})
}

/// The registry is shared, and knows equal schemas by one id.
fn fresh_namespace() -> String {
    let mut name = String::from("hostile");
    for part in fresh_name("schema").split(|c: char| !c.is_ascii_alphanumeric()) {
        write!(name, ".n{part}").expect("a text takes what is written");
    }
    name
}

/// The id under which the registry knows it from now on.
fn registered(registry: &str, schema: &Value) -> u32 {
    let subject = format!("{}-{}", topics::PURCHASES, fresh_name("hostile"));
    let asked = json!({ "schema": schema.to_string() });
    let url = format!("{registry}/subjects/{subject}/versions");
    let (status, answer) = probe::post(&url, &asked).unwrap();
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    u32::try_from(answer["id"].as_u64().unwrap()).unwrap()
}

/// A good purchase that names another schema.
fn named_by(id: u32, base: &Purchase) -> Record {
    let mut record: Record = Encoder::new().encode_purchase(base, 3).unwrap().into();
    let payload = record.payload.take().unwrap();
    record.payload = Some([&[0], &id.to_be_bytes()[..], &payload[FRAME_BYTES..]].concat());
    record
}
