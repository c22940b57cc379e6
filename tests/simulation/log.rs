//! The topics: what was published, in order, one partition each.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use runtime::{Coordinates, Headers, Outgoing, Record};
use schemas::encode::Encoded;

/// All topics.
#[derive(Default)]
pub(crate) struct Log {
    topics: BTreeMap<String, Vec<Record>>,
}

impl Log {
    /// Publishes what a group states.
    pub(crate) fn publish(&mut self, outgoing: &Outgoing, now: i64) {
        let (key, payload) = (Some(outgoing.key.clone()), outgoing.payload.clone());
        self.append(&outgoing.topic, key, payload, outgoing.headers.clone(), now);
    }

    /// Publishes what a shop has encoded.
    pub(crate) fn publish_encoded(&mut self, encoded: Encoded, now: i64) {
        let headers = encoded.headers.into_iter();
        let headers = Headers(headers.map(|(name, value)| (name, Some(value))).collect());
        let (key, payload) = (Some(encoded.key), Some(encoded.payload));
        self.append(encoded.topic, key, payload, headers, now);
    }

    /// Publishes bytes as they are.
    pub(crate) fn append(
        &mut self,
        topic: &str,
        key: Option<Vec<u8>>,
        payload: Option<Vec<u8>>,
        headers: Headers,
        now: i64,
    ) {
        let records = self.topics.entry(topic.to_owned()).or_default();
        let at = Coordinates {
            topic: Arc::from(topic),
            partition: 0,
            offset: i64::try_from(records.len()).unwrap(),
        };
        records.push(Record {
            at,
            key,
            payload,
            headers,
            timestamp_micros: now,
        });
    }

    /// The record at an offset, if there is one yet.
    pub(crate) fn get(&self, topic: &str, offset: usize) -> Option<&Record> {
        self.topics.get(topic)?.get(offset)
    }

    /// The offset of the next record.
    pub(crate) fn end(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, Vec::len)
    }

    /// A number that two runs share only if they published the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for record in self.topics.values().flatten() {
            (&record.at.topic, &record.key, &record.payload).hash(&mut hasher);
        }
        hasher.finish()
    }
}
