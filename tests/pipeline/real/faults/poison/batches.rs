//! What is wrong with a batch or around a record, where a broker or a client has to have its part in it:
//! records that inflate, headers beyond every limit, transactions and their marks.

use std::time::Duration;

use harness::wait::block_on;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
};
use schemas::{Purchase, topics};
use simulator::poison::Poison;

use crate::whole::shop::{Counter, Place};

/// A thousand times as long as on the wire.
pub(super) const INFLATED_BYTES: usize = 32 << 20;
/// The client receives at most 100,000,000.
pub(super) const IN_THE_GAP_BYTES: usize = 95_000_000;
const TOO_LONG_BYTES: usize = 100_000_000;
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// Each compression that inflates so, and where a record of it is published.
pub(super) const BOMBS: [(&str, &str); 3] = [
    ("gzip", topics::PURCHASES),
    ("lz4", topics::STOCK),
    ("zstd", topics::STOCK),
];

/// A record that inflates, and where it lies.
pub(super) fn bomb(bootstrap: &str, (codec, topic): (&str, &str)) -> (Poison, Place) {
    let record = client::Record {
        topic: topic.to_owned(),
        key: Some(b"bomb".to_vec()),
        payload: Some(vec![0; INFLATED_BYTES]),
        headers: Vec::new(),
        event_id: String::new(),
    };
    let place = publish(&producer(bootstrap, codec), &record).unwrap();
    let (kind, reason) = ("inflates_a_thousand_fold", "too_large");
    (
        Poison {
            kind,
            reason,
            record,
        },
        place,
    )
}

/// A record that is longer than the client's last buffer and shorter than what it may receive: it makes each
/// buffer three times as large as the one before, and gives up where the next would be too large.
pub(super) fn in_the_gap(bootstrap: &str, key: &str) -> Place {
    let record = client::Record {
        topic: topics::PURCHASES.to_owned(),
        key: Some(key.as_bytes().to_vec()),
        payload: Some(vec![0; IN_THE_GAP_BYTES]),
        headers: Vec::new(),
        event_id: String::new(),
    };
    publish(&producer(bootstrap, "zstd"), &record).unwrap()
}

/// A good purchase with a header longer than any record may be before it is compressed.
pub(super) fn long_header(counter: &Counter, bootstrap: &str, base: &Purchase) -> (Poison, Place) {
    let mut record = counter.record(base, 3);
    record
        .headers
        .push(("x-long".to_owned(), Some(vec![b'x'; 2 << 20])));
    let place = publish(&producer(bootstrap, "lz4"), &record).unwrap();
    let (kind, reason) = ("header_of_2_mib", "headers_too_large");
    (
        Poison {
            kind,
            reason,
            record,
        },
        place,
    )
}

/// What the broker says to a record of a hundred million bytes that no compression makes shorter.
pub(super) fn refusal_of_a_hundred_megabytes(bootstrap: &str) -> KafkaError {
    let record = client::Record {
        topic: topics::PURCHASES.to_owned(),
        key: Some(b"long".to_vec()),
        payload: Some(vec![b'x'; TOO_LONG_BYTES]),
        headers: Vec::new(),
        event_id: String::new(),
    };
    let refused = publish(&producer(bootstrap, "none"), &record);
    refused.expect_err("the broker refuses what is longer than its topic takes")
}

pub(super) fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

/// One transaction that is committed and one that is aborted, each with its mark behind it.
pub(super) fn transactions(bootstrap: &str, committed: &client::Record, aborted: &client::Record) {
    let producer: FutureProducer = settings(bootstrap, "lz4")
        .set("transactional.id", "poison")
        .create()
        .unwrap();
    producer.init_transactions(TAKEN_WITHIN).unwrap();
    producer.begin_transaction().unwrap();
    publish(&producer, committed).unwrap();
    producer.commit_transaction(TAKEN_WITHIN).unwrap();
    producer.begin_transaction().unwrap();
    publish(&producer, aborted).unwrap();
    producer.abort_transaction(TAKEN_WITHIN).unwrap();
}

fn settings(bootstrap: &str, codec: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("compression.type", codec)
        .set("message.max.bytes", "200000000")
        .set("queue.buffering.max.kbytes", "262144");
    settings
}

fn producer(bootstrap: &str, codec: &str) -> FutureProducer {
    settings(bootstrap, codec).create().unwrap()
}

fn publish(producer: &FutureProducer, record: &client::Record) -> Result<Place, KafkaError> {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        let value = value.as_deref();
        headers = headers.insert(Header { key, value });
    }
    let mut sent = FutureRecord::to(&record.topic).headers(headers);
    sent.key = record.key.as_deref();
    sent.payload = record.payload.as_deref();
    let delivered = block_on(producer.send(sent, TAKEN_WITHIN));
    let delivered = delivered.map_err(|(error, _)| error)?;
    Ok((delivered.partition, delivered.offset))
}
