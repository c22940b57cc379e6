//! Records whose bytes are damaged: they do not fit the checksum of their batch.
//!
//! librdkafka says once that a batch does not fit, without saying in which partition, and what it does next
//! is not to be relied on: it reads on behind the batch, or loses its way in the bytes and asks for an offset
//! that never was. Whoever followed it could lose records without a word. So from the first such error on, a
//! partition stops where its next record is not the one that had to come; and once what came before is done
//! with, every partition is tried by itself, which tells which one is damaged, and up to where.
//!
//! What stays true: nothing behind a damaged batch is handed over before somebody has said so.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::options;

/// Offsets of a partition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// The first that cannot be read.
    pub(crate) from: i64,
    /// The next that can be, or the end.
    pub(crate) to: i64,
}

/// Whether the client has met a batch whose checksum does not fit. One that it cannot unpack is another matter:
/// it tries that again and again, and reads nothing behind it.
pub(super) fn is_damage(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::BadMessage)
}

/// Which record has to come next, partition by partition.
#[derive(Debug, Default)]
pub(super) struct Expected {
    is_suspected: bool,
    next: BTreeMap<i32, Vec<(Arc<str>, i64)>>,
}

impl Expected {
    /// These partitions and no others are read, from these offsets on.
    pub(super) fn start(&mut self, partitions: &[(String, i32, i64)]) {
        *self = Self::default();
        for (topic, partition, offset) in partitions {
            let of_partition = self.next.entry(*partition).or_default();
            of_partition.push((Arc::from(topic.as_str()), *offset));
        }
    }

    /// Something is damaged, somewhere; whether that is news.
    pub(super) fn suspect(&mut self) -> bool {
        !std::mem::replace(&mut self.is_suspected, true)
    }

    /// Whether a record may be handed over. One that may not is behind a gap, as are all that follow it.
    pub(super) fn admits(&mut self, topic: &str, partition: i32, offset: i64) -> bool {
        let of_partition = self.next.get_mut(&partition);
        let mut of_partition = of_partition.into_iter().flatten();
        let Some((_, next)) = of_partition.find(|(known, _)| known.as_ref() == topic) else {
            return true;
        };
        if self.is_suspected && offset > *next {
            return false;
        }
        *next = (*next).max(offset + 1);
        true
    }

    /// How far each partition was handed over.
    pub(super) fn handed_over(&self) -> Vec<(String, i32, i64)> {
        let of = |(partition, topics): (&i32, &Vec<(Arc<str>, i64)>)| {
            let partition = *partition;
            let topics = topics.iter();
            topics
                .map(move |(topic, next)| (topic.to_string(), partition, *next))
                .collect::<Vec<_>>()
        };
        self.next.iter().flat_map(of).collect()
    }
}

/// Tries partitions one by one.
pub(crate) struct Trial {
    consumer: BaseConsumer<Quiet>,
}

struct Quiet;
impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}
impl ConsumerContext for Quiet {}

/// How long a broker may take to give out one record.
const TRIED_WITHIN: Duration = Duration::from_secs(10);
/// So many offsets are tried one by one: more than a batch commonly holds.
const ONE_BY_ONE: i64 = 256;

impl Trial {
    pub(crate) fn new(
        bootstrap_servers: &str,
        kafka_options: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut client: ClientConfig =
            options::client(bootstrap_servers, kafka_options, "counterflow-trial");
        client
            .set("group.id", "counterflow-trial")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("fetch.wait.max.ms", "10");
        let consumer = client.create_with_context(Quiet);
        let consumer = consumer.map_err(|error| error.to_string())?;
        Ok(Self { consumer })
    }

    /// What is damaged from an offset on, if its record is: up to the first record that can be read, exactly,
    /// where less than 257 offsets are damaged in a row. Where there are more, a sound batch between two
    /// damaged ones may be counted with them. Blocks.
    pub(crate) fn gap(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
    ) -> Result<Option<Gap>, String> {
        if from >= end || !self.is_damaged(topic, partition, from)? {
            return Ok(None);
        }
        // A broker gives out whole batches: all offsets of a damaged one fail alike. Its end is sought one
        // by one, so that nothing sound is passed over, and in growing steps where that would take long.
        let (mut fails, mut step) = (from, 1);
        let mut passes = loop {
            let at = fails.saturating_add(step);
            if at >= end {
                break end;
            }
            if !self.is_damaged(topic, partition, at)? {
                break at;
            }
            fails = at;
            if at - from >= ONE_BY_ONE {
                step *= 2;
            }
        };
        while passes - fails > 1 {
            let middle = fails + (passes - fails) / 2;
            if self.is_damaged(topic, partition, middle)? {
                fails = middle;
            } else {
                passes = middle;
            }
        }
        Ok(Some(Gap {
            topic: topic.to_owned(),
            partition,
            from,
            to: passes,
        }))
    }

    /// Whether what a broker gives out for an offset does not fit its checksum.
    fn is_damaged(&self, topic: &str, partition: i32, offset: i64) -> Result<bool, String> {
        let said = |error: KafkaError| format!("try {topic}[{partition}] at {offset}: {error}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(said)?;
        let started = Instant::now();
        let outcome = loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                // The record itself, or the next where this offset holds none.
                Some(Ok(message)) if message.offset() >= offset => break Ok(false),
                Some(Err(error)) if is_damage(&error) => break Ok(true),
                Some(Err(error)) if started.elapsed() > TRIED_WITHIN => break Err(said(error)),
                // What is left may hold no record (marks of transactions): the position tells.
                None if position(&self.consumer, topic, partition) > Some(offset) => {
                    break Ok(false);
                }
                // Nothing is known against it. A batch that cannot be unpacked holds up its partition, which
                // begins where it stands, and no other one.
                None if started.elapsed() > TRIED_WITHIN => {
                    tracing::warn!(
                        topic,
                        partition,
                        offset,
                        "nothing is given out, and nothing said"
                    );
                    break Ok(false);
                }
                _ => {}
            }
        };
        self.consumer.unassign().map_err(said)?;
        outcome
    }
}

/// Where a client would read on.
pub(super) fn position<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Option<i64> {
    let positions = consumer.position().ok()?;
    match positions.find_partition(topic, partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Expected {
        let mut expected = Expected::default();
        expected.start(&[("t".to_owned(), 0, 5), ("t".to_owned(), 1, 0)]);
        expected
    }

    #[test]
    fn offsets_that_are_missing_for_a_good_reason_are_passed() {
        let mut expected = started();
        assert!(
            [7, 8, 12]
                .iter()
                .all(|offset| expected.admits("t", 0, *offset))
        );
    }

    #[test]
    fn a_partition_stops_before_a_gap_once_there_is_damage_and_the_others_go_on() {
        let mut expected = started();
        assert!(expected.admits("t", 0, 5));
        assert!(expected.suspect() && !expected.suspect());
        assert!(expected.admits("t", 1, 0));
        assert!(!expected.admits("t", 0, 9) && !expected.admits("t", 0, 10));
        assert!(expected.admits("t", 1, 1));
        let handed_over = [("t".to_owned(), 0, 6), ("t".to_owned(), 1, 2)];
        assert_eq!(expected.handed_over(), handed_over);
    }
}
