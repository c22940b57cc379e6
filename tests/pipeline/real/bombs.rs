//! Records that are small in the broker and large in memory: a broker measures a batch as it is compressed,
//! so one within every limit of the topic may hold a record a thousand times as long. It is set aside as too
//! large, whole, and what is behind it flows.

use std::{fs, time::Duration};

use harness::{Broker as _, eventually, kafka::Kafka};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use schemas::topics;

use crate::whole::{
    database::Database,
    members::Pipeline,
    shop::{self, Counter},
};

const INFLATED_BYTES: usize = 32 << 20;
const DEADLINE: Duration = Duration::from_secs(120);
/// What a member may use at most: the record is held by the client, by the batch, and by the statement that
/// keeps it.
const RESIDENT_BYTES_MAX: u64 = 600 << 20;

#[test]
fn a_record_that_inflates_is_set_aside_and_what_is_behind_it_flows() {
    let kafka = Kafka::start().unwrap();
    let tables = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tables.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("topics.partitions", "1");
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.start_sandbox();
    let counter = Counter::open(&pipeline.bootstrap);
    let codecs = ["gzip", "lz4", "zstd"];
    for (seed, codec) in (1..).zip(codecs) {
        explode(&pipeline.bootstrap, codec);
        counter.buy(&shop::purchases(seed, 2, 5));
    }
    let member = pipeline.start("payment", &[("consumer.dead_letter_share_max", "1")]);

    let good = i64::try_from(5 * codecs.len()).unwrap();
    let authorised = "SELECT count(*) FROM payments WHERE state = 'authorised'";
    eventually(DEADLINE, "what is behind them is authorised", || {
        let found = pipeline.database.number("payment", authorised);
        found.is_ok_and(|found| found == good)
    });
    let kept = "SELECT reason, length(payload) FROM dead_letters ORDER BY record_offset";
    let kept = pipeline.database.look("payment", kept).unwrap();
    let expected = ["too_large".to_owned(), INFLATED_BYTES.to_string()];
    assert_eq!(kept, vec![expected.to_vec(); codecs.len()]);
    let resident = resident_bytes_max(pipeline.members[member].id());
    assert!(resident < RESIDENT_BYTES_MAX, "{resident} bytes resident");
    pipeline.stop(member);
}

/// Publishes one record that is nothing but zeros.
fn explode(bootstrap: &str, codec: &str) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("compression.type", codec)
        .set("message.max.bytes", (2 * INFLATED_BYTES).to_string())
        .set("queue.buffering.max.kbytes", "262144")
        .create()
        .unwrap();
    let payload = vec![0; INFLATED_BYTES];
    let record = BaseRecord::to(topics::PURCHASES)
        .key("bomb")
        .payload(&payload);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(60)).unwrap();
    assert_eq!(producer.in_flight_count(), 0);
}

/// The most memory that a process has used so far.
fn resident_bytes_max(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().next().unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}
