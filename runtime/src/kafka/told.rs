//! What a member tells Kafka of itself: how far it is, for lag tools and autoscalers, and which
//! version it reads, for producers. Both go with the offsets that it commits, so they are kept with
//! the group, partition by partition, whatever the group protocol; the group itself never reads them
//! back.
//!
//! Nobody hears whether an asynchronous commit has arrived, so everything is said again from time to
//! time, and whatever a partition was told before is said anew once it is started.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{Offset, TopicPartitionList, error::KafkaError};

/// How often everything is said again.
const AGAIN: Duration = Duration::from_secs(60);

const READS: &str = "reads=";

/// Next offsets by topic and partition.
type Positions = BTreeMap<(String, i32), i64>;

/// What has been told.
#[derive(Debug)]
pub(super) struct Told {
    announcement: String,
    positions: Positions,
    again_at: Instant,
}

impl Told {
    pub(super) fn new(reader_version: u32) -> Self {
        Self {
            announcement: format!("{READS}{reader_version}"),
            positions: Positions::new(),
            again_at: Instant::now() + AGAIN,
        }
    }

    /// A partition begins anew: another member may have spoken for it.
    pub(super) fn forget(&mut self, topic: &str, partition: i32) {
        self.positions.remove(&(topic.to_owned(), partition));
    }

    /// What there is to tell, if anything.
    pub(super) fn news(&mut self, positions: &Positions) -> Option<TopicPartitionList> {
        if Instant::now() >= self.again_at {
            self.again_at = Instant::now() + AGAIN;
            self.positions.clear();
        }
        let mut list = TopicPartitionList::new();
        for (at, offset) in positions {
            if self.positions.get(at) == Some(offset) {
                continue;
            }
            if let Err(error) = self.add(&mut list, at, *offset) {
                tracing::debug!(%error, topic = at.0, partition = at.1, "position not told to kafka");
            }
        }
        (list.count() > 0).then_some(list)
    }

    fn add(
        &self,
        list: &mut TopicPartitionList,
        (topic, partition): &(String, i32),
        offset: i64,
    ) -> Result<(), KafkaError> {
        let mut added = list.add_partition(topic, *partition);
        added.set_offset(Offset::Offset(offset))?;
        // Once per element of a new list: the client does not free what it replaces.
        added.set_metadata(&self.announcement);
        Ok(())
    }

    /// It was told.
    pub(super) fn told(&mut self, positions: Positions) {
        self.positions = positions;
    }
}

/// The version that a member reads, by the metadata of an offset that it has committed; none when
/// that does not say.
pub(super) fn announced(metadata: &str) -> Option<u32> {
    let mut words = metadata.split(';');
    words.find_map(|word| word.strip_prefix(READS)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Positions {
        Positions::from([(("t".to_owned(), 0), offset)])
    }

    #[test]
    fn what_is_announced_can_be_read() {
        let mut told = Told::new(3);
        let list = told.news(&at(7)).expect("nothing was told before");
        let elements = list.elements();
        assert_eq!(elements[0].offset(), Offset::Offset(7));
        assert_eq!(announced(elements[0].metadata()), Some(3));
        assert_eq!(announced("reads=12;more=1"), Some(12));
        for foreign in ["", "reads=", "reads=x", "node-17", "reads=-1"] {
            assert_eq!(announced(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_was_told_is_not_repeated_until_the_partition_begins_anew() {
        let mut told = Told::new(1);
        assert!(told.news(&at(7)).is_some());
        told.told(at(7));
        assert!(told.news(&at(7)).is_none());
        assert!(told.news(&at(8)).is_some());
        told.forget("t", 0);
        assert!(told.news(&at(7)).is_some());
    }

    #[test]
    fn everything_is_said_again_from_time_to_time() {
        let mut told = Told::new(1);
        told.told(at(7));
        told.again_at = Instant::now();
        assert!(told.news(&at(7)).is_some());
    }
}
