//! A record as it came from a topic, copied out of the client so that nothing of it is held back.

use std::sync::Arc;

/// Names one record for ever: topic, partition, offset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinates {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition; also the shard of everything that follows from the record.
    pub partition: i32,
    /// The offset within the partition.
    pub offset: i64,
}

impl std::fmt::Display for Coordinates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}

/// Headers in the order in which they were sent; names may repeat, values may be null.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Headers(pub Vec<(String, Option<Vec<u8>>)>);

impl Headers {
    /// The last value of a header, as Kafka's own clients read it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .and_then(|(_, value)| value.as_deref())
    }

    /// The last value of a header, when it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Adds a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), Some(value.into())));
    }
}

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub at: Coordinates,
    /// Its key, if any.
    pub key: Option<Vec<u8>>,
    /// Its payload; none for a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
    /// The broker's timestamp, microseconds since the epoch; 0 when there is none.
    pub timestamp_micros: i64,
}

impl Record {
    /// What the record weighs against byte limits: key, payload and headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let headers: usize = (self.headers.0.iter())
            .map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len))
            .sum();
        self.key.as_ref().map_or(0, Vec::len) + self.payload.as_ref().map_or(0, Vec::len) + headers
    }
}

/// A record to be published. Its `event_id` must be a function of what caused it, so that
/// publishing it again after a crash is recognised as the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The deterministic id.
    pub event_id: String,
    /// The topic.
    pub topic: String,
    /// The record's key.
    pub key: Vec<u8>,
    /// The payload, encoded; none for a tombstone that is passed on as it came.
    pub payload: Option<Vec<u8>>,
    /// The headers.
    pub headers: Headers,
}
