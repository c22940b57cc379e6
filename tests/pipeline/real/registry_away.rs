//! A schema registry that is away: what was learnt once flows from the disk, what was not waits in place,
//! is never set aside, and goes on by itself when the registry is back.

use client::Record;
use harness::{
    Broker as _,
    broker::fresh_name,
    eventually,
    kafka::Kafka,
    postgres, probe,
    proxy::{Fault, Proxy},
    registry,
};
use schemas::{Encoder, registry::Config};

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    shop::{self, Counter},
};

/// What a single-object payload begins with: two bytes of magic and eight of fingerprint.
const FRAME_BYTES: usize = 10;

/// While the registry is away, known ids flow and unknown ones wait.
#[test]
fn d1_what_is_known_flows_and_what_is_not_waits_while_the_registry_is_away() {
    let kafka = Kafka::start().unwrap();
    let registry = registry::shared();
    let proxy = Proxy::start(registry.port()).unwrap();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("registry.url", &registry.url_at(proxy.port()));
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.succeed(&["schemas", "register"]);
    let counter = Counter::with_encoder(&pipeline.bootstrap, prefixing(&registry.url()));
    pipeline.start_sandbox();

    // Learnt at its first start, used at its second.
    let cache = pipeline.file("payment-schemas").display().to_string();
    let payment = pipeline.start("payment", &[("registry.cache_dir", &cache)]);
    counter.buy(&shop::purchases(1, 2, 10));
    until_authorised(&pipeline, 10);
    pipeline.stop(payment);
    proxy.set(Fault::Reset);
    pipeline.start_again(payment);
    counter.buy(&shop::purchases(2, 2, 10));
    until_authorised(&pipeline, 20);

    // A schema that it has never met: it waits, and so does what is behind it, until it can ask.
    counter.publish(vec![of_a_newer_schema(&registry.url())]);
    counter.buy(&shop::purchases(3, 2, 60));
    until_it_waits_for_the_registry(&pipeline, payment);
    assert!(authorised(&pipeline) < 81, "not all flow");
    // A group without any memory of the registry waits at once.
    let empty = pipeline.file("timeline-schemas").display().to_string();
    let timeline = pipeline.start("timeline", &[("registry.cache_dir", &empty)]);
    until_it_waits_for_the_registry(&pipeline, timeline);
    proxy.heal();

    until_authorised(&pipeline, 81);
    eventually(SOON, "the timeline has them all", || {
        let query = "SELECT count(*) FROM purchases WHERE content_hash IS NOT NULL";
        pipeline.database.number("timeline", query).unwrap() == 81
    });
    for group in ["payment", "timeline"] {
        let query = "SELECT count(*) FROM dead_letters";
        assert_eq!(
            pipeline.database.number(group, query).unwrap(),
            0,
            "{group}"
        );
    }
    pipeline.assert_running();
}

/// Names schemas by the registry's ids.
fn prefixing(url: &str) -> Encoder {
    let config = Config {
        url: url.to_owned(),
        authorization: None,
    };
    let ids = schemas::Registry::open(&config, None)
        .unwrap()
        .ids()
        .unwrap();
    assert_eq!(
        ids.unknown,
        [],
        "`schemas register` has registered them all"
    );
    Encoder::with_ids(ids.known)
}

/// A purchase whose writer knows a field that this build does not, and that it leaves at its default.
fn of_a_newer_schema(url: &str) -> Record {
    let newest = schemas::released::by_name("Purchase", 3).unwrap();
    let mut schema: serde_json::Value = serde_json::from_str(newest.text).unwrap();
    schema["version"] = 4.into();
    let field = serde_json::json!({"name": "loyalty", "type": ["null", "string"], "default": null});
    schema["fields"].as_array_mut().unwrap().push(field);
    let subject = fresh_name("newer-shop.Purchase");
    let asked = serde_json::json!({ "schema": schema.to_string() });
    let (status, answer) =
        probe::post(&format!("{url}/subjects/{subject}/versions"), &asked).unwrap();
    assert_eq!(status, 200, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let id = u32::try_from(answer["id"].as_u64().unwrap()).unwrap();

    let purchase = &shop::purchases(4, 2, 1)[0];
    let mut record: Record = Encoder::new().encode_purchase(purchase, 3).unwrap().into();
    let payload = record.payload.take().unwrap();
    let null = [0];
    let whole = [&[0], &id.to_be_bytes()[..], &payload[FRAME_BYTES..], &null].concat();
    record.payload = Some(whole);
    record
}

fn until_it_waits_for_the_registry(pipeline: &Pipeline, which: usize) {
    let member = &pipeline.members[which];
    eventually(
        SOON,
        &format!("{} waits for the registry", member.name),
        || member.waits_for().contains("registry"),
    );
    member.assert_live();
}

fn until_authorised(pipeline: &Pipeline, count: i64) {
    eventually(SOON, &format!("{count} are authorised"), || {
        authorised(pipeline) == count
    });
}

fn authorised(pipeline: &Pipeline) -> i64 {
    let query = "SELECT count(*) FROM payments WHERE state = 'authorised'";
    pipeline.database.number("payment", query).unwrap()
}
