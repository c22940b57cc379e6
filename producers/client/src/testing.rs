//! librdkafka's in-process cluster, for the tests of whatever publishes (feature `testing`): so
//! that no other crate has to name the Kafka client.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::record::Record;

/// Partitions of every topic.
const PARTITIONS: i32 = 4;

/// A cluster of one broker on a loopback port; it ends when dropped.
pub struct Cluster(MockCluster<'static, DefaultProducerContext>);

impl Cluster {
    /// Starts a cluster with these topics.
    pub fn start(topics: &[&str]) -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(1)?;
        for topic in topics {
            cluster.create_topic(topic, PARTITIONS, 1)?;
        }
        Ok(Self(cluster))
    }

    /// Where it listens.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// Cuts every connection and takes no new one.
    pub fn go_down(&self) -> Result<(), KafkaError> {
        self.0.broker_down(-1)
    }

    /// Takes connections again.
    pub fn come_up(&self) -> Result<(), KafkaError> {
        self.0.broker_up(-1)
    }

    /// Everything on a topic, each partition in order, once there are at least `count` records;
    /// what there is when `patience` ends before.
    pub fn read(
        &self,
        topic: &str,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<Record>, KafkaError> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap_servers())
            .set("group.id", "reader")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&partitions)?;
        let deadline = Instant::now() + patience;
        let mut records = Vec::new();
        while records.len() < count && Instant::now() < deadline {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                records.push(record_of(&message));
            }
        }
        Ok(records)
    }
}

fn record_of(message: &impl Message) -> Record {
    let headers: Vec<(String, Option<Vec<u8>>)> = (message.headers())
        .map(|headers| {
            (headers.iter())
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect()
        })
        .unwrap_or_default();
    let event_id = (headers.iter())
        .find(|(name, _)| name == "ce_id")
        .and_then(|(_, value)| value.clone());
    Record {
        topic: message.topic().to_owned(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        event_id: String::from_utf8_lossy(&event_id.unwrap_or_default()).into_owned(),
        headers,
    }
}
