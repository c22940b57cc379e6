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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// A null value's length in the stored form.
const NULL: u32 = u32::MAX;

impl Headers {
    /// The form in which headers are stored: per header the name's length, the name, the value's
    /// length (all ones for null) and the value; lengths are four bytes, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let length = |n: usize| u32::try_from(n).unwrap_or(NULL - 1).to_be_bytes();
        for (name, value) in &self.0 {
            bytes.extend(length(name.len()));
            bytes.extend(name.as_bytes());
            bytes.extend(
                value
                    .as_ref()
                    .map_or(NULL.to_be_bytes(), |value| length(value.len())),
            );
            bytes.extend(value.as_deref().unwrap_or_default());
        }
        bytes
    }

    /// Reads what [`Headers::to_bytes`] wrote; stops where the bytes stop making sense.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Self {
        fn length(bytes: &mut &[u8]) -> Option<u32> {
            let (head, rest) = bytes.split_first_chunk::<4>()?;
            *bytes = rest;
            Some(u32::from_be_bytes(*head))
        }
        fn content(bytes: &mut &[u8], length: u32) -> Option<Vec<u8>> {
            let (head, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
            *bytes = rest;
            Some(head.to_vec())
        }
        let mut headers = Self::default();
        while let Some(name) = length(&mut bytes).and_then(|n| content(&mut bytes, n)) {
            let Some(value_length) = length(&mut bytes) else {
                break;
            };
            let value = if value_length == NULL {
                None
            } else {
                content(&mut bytes, value_length)
            };
            headers
                .0
                .push((String::from_utf8_lossy(&name).into_owned(), value));
        }
        headers
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back_as_they_were_stored(
            headers in prop::collection::vec(
                (".{0,20}", prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..8)
        ) {
            let headers = Headers(headers);
            prop_assert_eq!(Headers::from_bytes(&headers.to_bytes()), headers);
        }

        #[test]
        fn damaged_headers_are_read_as_far_as_they_make_sense(
            bytes in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            prop_assert!(Headers::from_bytes(&bytes).0.len() <= bytes.len());
        }
    }

    #[test]
    fn the_last_of_repeated_headers_is_read() {
        let mut headers = Headers::default();
        headers.push("ce_id", *b"first");
        headers.push("ce_id", *b"second");
        assert_eq!(headers.text("ce_id"), Some("second"));
    }
}
