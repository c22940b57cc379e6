//! Reads a topic from its first record to where it ends now, without a group: for the auditor and
//! for people who look into a topic.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
};

use super::{
    copy,
    damage::{Trial, is_damage, position},
    options, topic_id,
};
use crate::{bookkeeping::halts::Present, record::Record};

/// Without any record for so long, a scan gives up.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How often a client may speak of damage that is not found.
const NOT_FOUND_MAX: u32 = 5;

/// How far a partition was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Where to go on the next time.
    pub next: i64,
    /// Offsets that were passed over: the bytes of their records are damaged on the broker.
    pub damaged: Vec<Range<i64>>,
}

/// Why a scan has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Kafka does not answer.
    #[error("read {topic}: {reason}")]
    Kafka {
        /// The topic.
        topic: String,
        /// What the client says.
        reason: String,
    },
    /// The topic does not exist.
    #[error("the topic {0} does not exist")]
    NoSuchTopic(String),
}

struct Quiet;
impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}
impl ConsumerContext for Quiet {}

/// Reads topics.
pub struct Scanner {
    consumer: BaseConsumer<Quiet>,
    bootstrap_servers: String,
    kafka_options: BTreeMap<String, String>,
}

impl Scanner {
    /// Connects to a cluster.
    ///
    /// # Errors
    /// When the options are not understood.
    pub fn connect(
        bootstrap_servers: &str,
        kafka_options: &BTreeMap<String, String>,
    ) -> Result<Self, ScanError> {
        let mut client = options::client(bootstrap_servers, kafka_options, "counterflow-scan");
        client
            .set("group.id", "counterflow-scan")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.queue.backoff.ms", "20")
            // The last fetch of a partition waits at its end, and the first of the next behind it.
            .set("fetch.wait.max.ms", "10");
        let consumer = client
            .create_with_context(Quiet)
            .map_err(|error| ScanError::Kafka {
                topic: String::new(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            consumer,
            bootstrap_servers: bootstrap_servers.to_owned(),
            kafka_options: kafka_options.clone(),
        })
    }

    /// The number of partitions of a topic.
    ///
    /// # Errors
    /// [`ScanError`] when it does not exist or Kafka does not answer.
    pub fn partitions(&self, topic: &str) -> Result<i32, ScanError> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(topic), Duration::from_secs(10))
            .map_err(|error| failed(topic, &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let count = found.map_or(0, |found| found.partitions().len());
        if count == 0 {
            return Err(ScanError::NoSuchTopic(topic.to_owned()));
        }
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// The first and the next offset of a partition.
    ///
    /// # Errors
    /// [`ScanError`] when Kafka does not answer.
    pub fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), ScanError> {
        let timeout = Duration::from_secs(10);
        let bounds = self.consumer.fetch_watermarks(topic, partition, timeout);
        bounds.map_err(|error| failed(topic, &error))
    }

    /// What a topic holds of a partition now, with the topic's id where that is asked for.
    ///
    /// # Errors
    /// [`ScanError`] when Kafka does not answer.
    pub fn present(
        &self,
        topic: &str,
        partition: i32,
        with_id: bool,
    ) -> Result<Present, ScanError> {
        let (first, end) = self.bounds(topic, partition)?;
        let mut topic_id = None;
        if with_id {
            let names = [topic.to_owned()];
            let timeout = Duration::from_secs(10);
            let ids = topic_id::topic_ids(self.consumer.client(), &names, timeout);
            let ids = ids.map_err(|reason| ScanError::Kafka {
                topic: topic.to_owned(),
                reason,
            })?;
            topic_id = ids.into_iter().next().flatten();
        }
        Ok(Present {
            first,
            end,
            topic_id,
        })
    }

    /// Reads one partition from its first record to where it ends at the time of the call, in
    /// order. Memory is bounded by the client's prefetch.
    ///
    /// # Errors
    /// [`ScanError`] when Kafka does not answer.
    pub fn read(
        &self,
        topic: &str,
        partition: i32,
        each: impl FnMut(Record),
    ) -> Result<Read, ScanError> {
        self.read_from(topic, partition, 0, each)
    }

    /// The same from an offset on, or from the first record behind it that there still is.
    ///
    /// # Errors
    /// [`ScanError`] when Kafka does not answer.
    pub fn read_from(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        mut each: impl FnMut(Record),
    ) -> Result<Read, ScanError> {
        let (low, high) = self.bounds(topic, partition)?;
        let from = from.max(low);
        let mut read = Read {
            next: from,
            damaged: Vec::new(),
        };
        if from >= high {
            return Ok(read);
        }
        let name: Arc<str> = Arc::from(topic);
        let outcome = self.read_sound(&name, partition, high, (&mut read, &mut each));
        let left = self
            .consumer
            .unassign()
            .map_err(|error| failed(topic, &error));
        outcome.and(left)?;
        read.next = high;
        Ok(read)
    }

    /// Reads up to an end, and on behind what is damaged.
    fn read_sound(
        &self,
        topic: &Arc<str>,
        partition: i32,
        high: i64,
        (read, each): (&mut Read, &mut impl FnMut(Record)),
    ) -> Result<(), ScanError> {
        let mut not_found = 0;
        while read.next < high {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition, Offset::Offset(read.next))
                .and_then(|()| self.consumer.assign(&list))
                .map_err(|error| failed(topic, &error))?;
            let Some(damage) = self.read_until(topic, partition, high, (read, each))? else {
                return Ok(());
            };
            // The client would read on behind it, or anywhere: what is damaged is found out apart from it.
            let kafka = |reason| ScanError::Kafka {
                topic: topic.to_string(),
                reason,
            };
            let trial = Trial::new(&self.bootstrap_servers, &self.kafka_options).map_err(kafka)?;
            let gap = trial.gap(topic, partition, read.next, high);
            match gap.map_err(kafka)? {
                Some(gap) => {
                    read.next = gap.to;
                    read.damaged.push(gap.from..gap.to);
                }
                None if not_found < NOT_FOUND_MAX => not_found += 1,
                None => return Err(failed(topic, &damage)),
            }
        }
        Ok(())
    }

    /// Reads up to an end; the error that speaks of damage, where it met one.
    fn read_until(
        &self,
        topic: &Arc<str>,
        partition: i32,
        high: i64,
        (read, each): (&mut Read, &mut impl FnMut(Record)),
    ) -> Result<Option<KafkaError>, ScanError> {
        let mut moved = Instant::now();
        loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    moved = Instant::now();
                    let offset = message.offset();
                    each(copy::record(&message, Arc::clone(topic)));
                    read.next = offset + 1;
                    if read.next >= high {
                        return Ok(None);
                    }
                }
                // Offsets at the end may hold no record (control records): the position tells.
                None if position(&self.consumer, topic, partition) >= Some(high) => {
                    return Ok(None);
                }
                None if moved.elapsed() > STALL_MAX => {
                    let reason = format!("no record for {STALL_MAX:?}");
                    return Err(ScanError::Kafka {
                        topic: topic.to_string(),
                        reason,
                    });
                }
                None => {}
                Some(Err(error)) if is_damage(&error) => return Ok(Some(error)),
                Some(Err(error)) if moved.elapsed() > STALL_MAX => {
                    return Err(failed(topic, &error));
                }
                Some(Err(error)) => tracing::debug!(%error, topic = topic.as_ref(), "scan"),
            }
        }
    }
}

fn failed(topic: &str, error: &KafkaError) -> ScanError {
    ScanError::Kafka {
        topic: topic.to_owned(),
        reason: error.to_string(),
    }
}
