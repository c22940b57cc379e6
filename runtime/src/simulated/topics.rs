//! Topics in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    group::Timestamp,
    partitioner::partition_of,
    record::{Coordinates, Headers, Record},
};

type Partitions = Vec<Vec<Arc<Record>>>;

/// A cluster's topics, each with the same number of partitions.
#[derive(Debug)]
pub struct Topics {
    partitions: i32,
    topics: Mutex<BTreeMap<String, Partitions>>,
}

impl Topics {
    /// Empty topics.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>, partitions: i32) -> Self {
        let empty = |name| (name, (0..partitions).map(|_| Vec::new()).collect());
        Self {
            partitions,
            topics: Mutex::new(names.into_iter().map(empty).collect()),
        }
    }

    /// How many partitions each topic has.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Whether there is such a topic.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.lock().contains_key(topic)
    }

    /// Appends a record to the partition of its key. None when there is no such topic.
    pub fn append(
        &self,
        topic: &str,
        key: Option<Vec<u8>>,
        payload: Option<Vec<u8>>,
        headers: Headers,
        now: Timestamp,
    ) -> Option<Arc<Record>> {
        let partition = self.partition_of(key.as_deref());
        let mut topics = self.lock();
        let index = usize::try_from(partition).ok()?;
        let records = topics.get_mut(topic)?.get_mut(index)?;
        let record = Arc::new(Record {
            at: Coordinates {
                topic: topic.into(),
                partition,
                offset: i64::try_from(records.len()).ok()?,
            },
            key,
            payload,
            headers,
            timestamp_micros: now,
        });
        records.push(Arc::clone(&record));
        Some(record)
    }

    /// The partition of a key; the first for a record without one.
    #[must_use]
    pub fn partition_of(&self, key: Option<&[u8]>) -> i32 {
        key.map_or(0, |key| partition_of(key, self.partitions))
    }

    /// The records of a partition from an offset on, so many at most.
    #[must_use]
    pub fn read(&self, topic: &str, partition: i32, from: i64, most: usize) -> Vec<Arc<Record>> {
        let topics = self.lock();
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        let records = topics.get(topic).and_then(|topic| topic.get(partition));
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = records.and_then(|records| records.get(from..));
        let rest = rest.unwrap_or_default();
        rest.iter().take(most).cloned().collect()
    }

    /// The offset behind the last record of a partition.
    #[must_use]
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        let topics = self.lock();
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        let records = topics.get(topic).and_then(|topic| topic.get(partition));
        records.map_or(0, |records| {
            i64::try_from(records.len()).unwrap_or(i64::MAX)
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Partitions>> {
        // Records are appended whole, so a poisoned lock still guards sound topics.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
