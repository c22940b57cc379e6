//! Which version the groups of a topic read, asked from outside: what their members have told Kafka
//! with the offsets that they committed. Works with either group protocol and on the in-process
//! cluster, and needs no more than leave to describe the groups.
//!
//! The last owner of each partition speaks for it. A group that has stopped is still told of: it
//! comes back as what it was, and would park what it cannot read. One that Kafka has forgotten, or
//! that never was, is not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
};

use super::{options, told};

/// What a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReads {
    /// The group.
    pub group: String,
    /// The lowest version that any of its members reads; none when one of them does not say.
    pub reads: Option<u32>,
}

/// Why it is not known what the groups read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadersError {
    /// The topic does not exist.
    #[error("the topic {0} does not exist")]
    NoSuchTopic(String),
    /// Kafka does not answer.
    #[error("ask kafka what {asked} reads: {reason}")]
    Kafka {
        /// The group, or the topic.
        asked: String,
        /// What the client says.
        reason: String,
    },
}

struct Quiet;
impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}
impl ConsumerContext for Quiet {}

/// What those of the groups read that have read `topic`; all are asked side by side. Blocks for up to
/// `timeout`, and for as long as the clients take to close: never on a thread that others wait for.
///
/// # Errors
/// [`ReadersError`] when it is not known of every one of them.
pub fn of_topic(
    bootstrap_servers: &str,
    kafka_options: &BTreeMap<String, String>,
    topic: &str,
    groups: &[&str],
    timeout: Duration,
) -> Result<Vec<GroupReads>, ReadersError> {
    let ask = |group: &str| {
        let mut client = options::client(bootstrap_servers, kafka_options, "counterflow-readers");
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        of_group(&client, topic, group, timeout)
    };
    std::thread::scope(|scope| {
        let asked: Vec<_> = (groups.iter())
            .map(|group| (group, scope.spawn(move || ask(group))))
            .collect();
        let mut found = Vec::new();
        for (group, asking) in asked {
            // The client panics over metadata that is no text: somebody else's.
            let answer = asking.join();
            let answer = answer.unwrap_or_else(|_| Err(failed(group, "metadata that is no text")));
            found.extend(answer?);
        }
        Ok(found)
    })
}

fn of_group(
    client: &ClientConfig,
    topic: &str,
    group: &str,
    timeout: Duration,
) -> Result<Option<GroupReads>, ReadersError> {
    let deadline = Instant::now() + timeout;
    // It asks and never subscribes, so it is no member of the group.
    let outsider: BaseConsumer<Quiet> = client
        .create_with_context(Quiet)
        .map_err(|error| failed(group, error))?;
    let metadata = outsider
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| failed(topic, error))?;
    let partitions = metadata.topics().iter().find(|found| found.name() == topic);
    let mut asked = TopicPartitionList::new();
    for partition in partitions.map_or(&[][..], |found| found.partitions()) {
        asked.add_partition(topic, partition.id());
    }
    if asked.count() == 0 {
        return Err(ReadersError::NoSuchTopic(topic.to_owned()));
    }
    let left = deadline.saturating_duration_since(Instant::now());
    let committed = outsider
        .committed_offsets(asked, left)
        .map_err(|error| failed(group, error))?;
    Ok(lowest(&committed).map(|reads| GroupReads {
        group: group.to_owned(),
        reads,
    }))
}

fn failed(asked: &str, reason: impl ToString) -> ReadersError {
    ReadersError::Kafka {
        asked: asked.to_owned(),
        reason: reason.to_string(),
    }
}

/// The lowest version that the committed offsets tell of, and none in it when one of them tells
/// nothing; `None` when the group has committed nothing.
fn lowest(committed: &TopicPartitionList) -> Option<Option<u32>> {
    let elements = committed.elements();
    let was_read = elements
        .iter()
        .filter(|one| matches!(one.offset(), Offset::Offset(_)));
    // An `Option` below any version: who does not say is lower than everybody.
    was_read.map(|one| told::announced(one.metadata())).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(partitions: &[(Offset, &str)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, (offset, metadata)) in (0..).zip(partitions) {
            let mut added = list.add_partition("t", partition);
            added.set_offset(*offset).unwrap();
            if !metadata.is_empty() {
                added.set_metadata(metadata);
            }
        }
        list
    }

    #[test]
    fn the_slowest_member_speaks_for_its_group() {
        let (at, never) = (Offset::Offset(5), Offset::Invalid);
        for (partitions, expected) in [
            (&[(at, "reads=3"), (at, "reads=2")][..], Some(Some(2))),
            (&[(at, "reads=3"), (at, "")], Some(None)),
            (&[(at, "reads=3"), (never, "")], Some(Some(3))),
            (&[(never, ""), (never, "")], None),
        ] {
            assert_eq!(lowest(&committed(partitions)), expected, "{partitions:?}");
        }
    }
}
