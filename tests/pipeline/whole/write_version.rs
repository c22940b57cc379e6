//! A storefront that is told to write a version which a live group does not read yet: it takes purchases
//! and writes what the group reads, until it is forced or the group has followed.

use std::{collections::BTreeMap, time::Duration};

use harness::{eventually, free_port, probe, records};
use rdkafka::Message as _;
use runtime::kafka::readers::{self, GroupReads};
use schemas::{Decoder, RawRecord, topics};
use serde_json::{Value, json};

use super::members::{Pipeline, SOON};

const DEADLINE: Duration = Duration::from_secs(60);
const READ_WITHIN: Duration = Duration::from_secs(20);

/// Runs it; `settings` are the members' own.
pub(crate) fn a_version_waits_for_its_slowest_reader(
    pipeline: &mut Pipeline,
    settings: &[(&str, &str)],
) {
    pipeline.start_sandbox();
    let mut old = settings.to_vec();
    old.push(("schemas.reader_version", "1"));
    old.push(("schemas.write_version", "1"));
    let payment = pipeline.start("payment", &old);
    until_payment_reads(pipeline, 1);

    // Nobody publishes what the group would park.
    let (status, output) = pipeline.command(&["simulate", "--count", "1", "--mix", "0/0/1"]);
    assert_eq!(status.code(), Some(64), "{output}");
    assert!(output.contains("payment reads 1"), "{output}");
    pipeline.succeed(&["simulate", "--count", "1", "--quiet", "--mix", "1/0/0"]);

    // The storefront is open, and writes the lowest version that can say the purchase.
    let shop = Shop::start(pipeline, &[]);
    shop.buy("while-it-waits");
    assert_eq!(shop.written_version(pipeline), Some(1));
    pipeline.stop(shop.member);

    let forced = Shop::start(pipeline, &[("schemas.force_write_version", "true")]);
    forced.buy("forced");
    assert_eq!(forced.written_version(pipeline), Some(3));
    pipeline.stop(forced.member);

    let shop = Shop::start(pipeline, &[("schemas.ask_readers_every", "500ms")]);
    shop.buy("still-waiting");
    assert_eq!(shop.written_version(pipeline), Some(1));
    pipeline.stop(payment);
    pipeline.set_of(payment, "schemas.reader_version", "3");
    pipeline.start_again(payment);
    eventually(DEADLINE, "the storefront follows its readers", || {
        shop.written_version(pipeline) == Some(3)
    });
    shop.buy("followed");
    pipeline.succeed(&["simulate", "--count", "1", "--quiet", "--mix", "0/0/1"]);

    let versions = versions(pipeline);
    let of = |key: &str| versions[&schemas::ids::purchase_id("default", key)];
    let keys = ["while-it-waits", "forced", "still-waiting", "followed"];
    assert_eq!(keys.map(of), [1, 3, 1, 3]);
    pipeline.stop(shop.member);
}

/// A storefront opens while Kafka is away, and writes what everybody reads.
pub(crate) fn a_storefront_opens_without_an_answer(pipeline: &mut Pipeline) {
    let nobody = format!("127.0.0.1:{}", free_port().unwrap());
    let shop = Shop::start(pipeline, &[("kafka.bootstrap_servers", &nobody)]);
    assert_eq!(shop.written_version(pipeline), Some(1));
    let answer = shop.buy("in-an-outage");
    assert_eq!(answer["durable_in"], "spool", "{answer}");
}

struct Shop {
    member: usize,
    address: String,
}

impl Shop {
    fn start(pipeline: &mut Pipeline, settings: &[(&str, &str)]) -> Self {
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let spool = pipeline.file(&format!("spool-{}", address.replace(':', "-")));
        let spool = spool.display().to_string();
        let mut all = vec![("http.listen", address.as_str()), ("spool.dir", &spool)];
        all.extend_from_slice(settings);
        let member = pipeline.start("storefront", &all);
        pipeline.until_ready(member);
        Self { member, address }
    }

    fn buy(&self, key: &str) -> Value {
        let body = json!({
            "customer_id": "customer-1", "currency": "USD", "channel": "WEB",
            "lines": [{"item_id": 7, "quantity": 1, "unit_price_minor": 100}],
            "tenders": [{"kind": "CARD", "amount_minor": 100}],
        });
        let url = format!("http://{}/v1/purchases", self.address);
        let headers = [("Idempotency-Key", key)];
        let (status, answer) = probe::post_with(&url, &headers, &body).unwrap();
        assert_eq!(status, 202, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// The version that it says it writes now.
    fn written_version(&self, pipeline: &Pipeline) -> Option<u64> {
        let (_, status) = pipeline.members[self.member].probe("status")?;
        serde_json::from_str::<Value>(&status).ok()?["write_version"].as_u64()
    }
}

fn until_payment_reads(pipeline: &Pipeline, version: u32) {
    let told = || {
        let nothing_more = BTreeMap::new();
        let topic = topics::PURCHASES;
        readers::of_topic(
            &pipeline.bootstrap,
            &nothing_more,
            topic,
            &["payment"],
            SOON,
        )
    };
    let expected = GroupReads {
        group: "payment".to_owned(),
        reads: Some(version),
    };
    eventually(SOON, "payment tells what it reads", || {
        told().is_ok_and(|told| told == [expected.clone()])
    });
}

/// The version of each purchase on the topic, as its record says.
fn versions(pipeline: &Pipeline) -> BTreeMap<String, u32> {
    let topic = topics::PURCHASES;
    let ends = records::ends(&pipeline.bootstrap, &[topic], READ_WITHIN).unwrap();
    let mut versions = BTreeMap::new();
    for partition in 0..ends[0].next_offsets.len() {
        let partition = i32::try_from(partition).unwrap();
        for record in records::read(&pipeline.bootstrap, topic, partition, READ_WITHIN).unwrap() {
            let raw = RawRecord {
                topic,
                key: record.key(),
                payload: record.payload(),
                headers: &Vec::new(),
                timestamp_micros: 0,
            };
            let decoded = Decoder::new(3).decode(&raw).unwrap();
            versions.insert(decoded.event.key().to_owned(), decoded.written.version);
        }
    }
    versions
}
