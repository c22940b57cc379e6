//! D: a schema registry in which somebody registers what should not be there.

use std::fs;

use client::Record;
use harness::{
    Broker as _, broker::fresh_name, kafka::Kafka, postgres, probe, registry, wait, within,
};
use schemas::Encoder;
use serde_json::{Value, json};

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    shop::{self, Counter},
};

/// What a single-object payload begins with: two bytes of magic and eight of fingerprint.
const FRAME_BYTES: usize = 10;

/// An incompatible schema is refused before it is registered, and records of it wait or are set aside.
#[test]
fn d3_an_incompatible_schema_is_refused_everywhere_and_its_records_wait() {
    let kafka = Kafka::start().unwrap();
    let registry = registry::shared().url();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    let schema = incompatible();

    // Before it is released: by the check that the build server runs.
    let file = pipeline.file("candidate.avsc");
    fs::write(&file, schema.to_string()).unwrap();
    let (end, output) =
        pipeline.command(&["schemas", "check", "--file", &file.display().to_string()]);
    assert_eq!(end.code(), Some(1), "{output}");
    assert!(output.contains("currency"), "{output}");

    // By the registry, under the rule that its subjects have.
    pipeline.set("registry.url", &registry);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.succeed(&["schemas", "register"]);
    let newest = schemas::released::by_name("Purchase", 3).unwrap();
    let subject = newest.subject();
    demand_compatibility(&registry, &subject);
    let (status, answer) = register(&registry, &subject, &schema);
    assert_eq!(status, 409, "{answer}");

    // Where no rule stands in the way, and somebody publishes by it.
    let (status, answer) = register(&registry, &fresh_name("careless.Purchase"), &schema);
    assert_eq!(status, 200, "{answer}");
    let id = serde_json::from_str::<Value>(&answer).unwrap()["id"]
        .as_u64()
        .unwrap();
    pipeline.set("consumer.dead_letter_share_max", "1");
    pipeline.start_sandbox();
    let counter = Counter::open(&pipeline.bootstrap);
    let id = u32::try_from(id).unwrap();
    counter.publish(vec![written_by(id), named_by(id)]);
    counter.buy(&shop::purchases(2, 2, 20));
    pipeline.start("payment", &[]);
    let query = "SELECT (SELECT count(*) FROM parked), (SELECT count(*) FROM dead_letters), \
                 (SELECT count(*) FROM payments WHERE state = 'authorised')";
    let stand = || pipeline.database.look("payment", query).unwrap_or_default();
    let done = within(SOON, "the one waits, the other is set aside", || {
        (stand() == [["1", "1", "20"]]).then_some(())
    });
    assert!(
        done.is_ok(),
        "parked, set aside and authorised are {:?}",
        stand()
    );
    pipeline.assert_running();
}

/// The newest version of a purchase, but for one field that has become a number.
fn incompatible() -> Value {
    let newest = schemas::released::by_name("Purchase", 3).unwrap();
    let mut schema: Value = serde_json::from_str(newest.text).unwrap();
    let fields = schema["fields"].as_array_mut().unwrap();
    let field = fields.iter_mut().find(|field| field["name"] == "currency");
    let field = field.expect("a purchase has a currency");
    field["type"] = "long".into();
    field["default"] = 0.into();
    schema["version"] = 4.into();
    schema
}

fn demand_compatibility(registry: &str, subject: &str) {
    let url = format!("{registry}/config/{subject}");
    let answered = wait::block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let rule = json!({ "compatibility": "FULL_TRANSITIVE" });
        client.put(url).json(&rule).send().await.unwrap().status()
    });
    assert!(answered.is_success(), "{answered}");
}

fn register(registry: &str, subject: &str, schema: &Value) -> (u16, String) {
    let asked = json!({ "schema": schema.to_string() });
    probe::post(&format!("{registry}/subjects/{subject}/versions"), &asked).unwrap()
}

/// A purchase that names the incompatible schema and is not of it.
fn named_by(id: u32) -> Record {
    framed(id, 1, |datum| datum)
}

/// One that is: its currency is a number.
fn written_by(id: u32) -> Record {
    framed(id, 3, |datum| {
        let is_currency =
            |text: &[u8]| text[0] == 6 && text[1..].iter().all(u8::is_ascii_uppercase);
        let at = datum.windows(4).position(is_currency).unwrap();
        [&datum[..=at], &datum[at + 4..]].concat()
    })
}

fn framed(id: u32, seed: u64, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Record {
    let base = &shop::purchases(seed, 3, 1)[0];
    let mut record: Record = Encoder::new().encode_purchase(base, 3).unwrap().into();
    let datum = record.payload.take().unwrap().split_off(FRAME_BYTES);
    record.payload = Some([&[0], &id.to_be_bytes()[..], &change(datum)].concat());
    record
}
