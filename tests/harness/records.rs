//! Writing and reading plain records, for tests that look at a topic from outside.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::RDKafkaErrorCode,
    message::OwnedMessage,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};

/// Writes payloads to one partition, in order, and waits until the broker has them all.
///
/// # Errors
/// When the broker does not take them in time.
pub fn write(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    payloads: &[impl AsRef<[u8]>],
) -> anyhow::Result<()> {
    let producer: BaseProducer = config(bootstrap)
        .set("enable.idempotence", "true")
        .create()?;
    for payload in payloads {
        let record = BaseRecord::<(), [u8]>::to(topic).partition(partition);
        let sent = producer.send(record.payload(payload.as_ref()));
        sent.map_err(|(error, _)| error)
            .with_context(|| format!("write to {topic}"))?;
    }
    producer
        .flush(Duration::from_secs(30))
        .with_context(|| format!("write to {topic}"))
}

/// Writes one record to a topic once, without trying again: why the broker refuses it, if it does.
#[must_use]
pub fn refusal(bootstrap: &str, topic: &str) -> Option<RDKafkaErrorCode> {
    let mut once = config(bootstrap);
    once.set("acks", "all").set("message.send.max.retries", "0");
    let producer: BaseProducer<Told> = once.create_with_context(Told::default()).ok()?;
    let record = BaseRecord::<(), [u8]>::to(topic).payload(b"once");
    producer.send(record).ok()?;
    let _asked_below = producer.flush(Duration::from_secs(10));
    let told = producer.context().0.lock().unwrap();
    *told
}

/// What became of a record.
#[derive(Default)]
struct Told(Mutex<Option<RDKafkaErrorCode>>);

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let refusal = result
            .as_ref()
            .err()
            .and_then(|(error, _)| error.rdkafka_error_code());
        *self.0.lock().unwrap() = refusal;
    }
}

/// Reads what one partition holds now, from its beginning.
///
/// # Errors
/// When the broker does not give it within the deadline.
pub fn read(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    deadline: Duration,
) -> anyhow::Result<Vec<OwnedMessage>> {
    let started = Instant::now();
    let consumer: BaseConsumer = config(bootstrap).set("group.id", "onlooker").create()?;
    let (_, end) = (consumer.fetch_watermarks(topic, partition, deadline))
        .with_context(|| format!("ask for the end of {topic}"))?;
    let mut whole = TopicPartitionList::new();
    whole.add_partition_offset(topic, partition, Offset::Beginning)?;
    consumer.assign(&whole)?;
    let mut records: Vec<OwnedMessage> = Vec::new();
    while records.last().map_or(0, |last| last.offset() + 1) < end {
        anyhow::ensure!(
            started.elapsed() < deadline,
            "{topic}: {} of {end}",
            records.len()
        );
        if let Some(record) = consumer.poll(Duration::from_millis(100)) {
            records.push(record.with_context(|| format!("read {topic}"))?.detach());
        }
    }
    Ok(records)
}

/// Where each partition of a topic ends now: the offset of the next record.
///
/// # Errors
/// When the broker does not answer within the deadline.
pub fn ends(bootstrap: &str, topics: &[&str], deadline: Duration) -> anyhow::Result<Vec<Ends>> {
    let consumer: BaseConsumer = config(bootstrap).set("group.id", "onlooker").create()?;
    let mut all = Vec::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), deadline)?;
        let found = metadata.topics().first().map(|found| found.partitions());
        let mut ends = Vec::new();
        for partition in found.context("the broker names the topic")? {
            let bounds = consumer.fetch_watermarks(topic, partition.id(), deadline);
            ends.push(
                bounds
                    .with_context(|| format!("ask for the end of {topic}"))?
                    .1,
            );
        }
        all.push(Ends {
            topic: (*topic).to_owned(),
            next_offsets: ends,
        });
    }
    Ok(all)
}

/// Where a topic ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The topic.
    pub topic: String,
    /// The offset of the next record, by partition.
    pub next_offsets: Vec<i64>,
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config.set("reconnect.backoff.max.ms", "200");
    config.set("message.timeout.ms", "30000");
    config.set("enable.auto.commit", "false");
    config
}
