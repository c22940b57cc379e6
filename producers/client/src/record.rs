//! A record on its way to Kafka, and what became of it. Separate, because the direct path, the
//! spool and the tests all speak of the same record.

use schemas::Encoded;

/// One record to be published. Its `event_id` is a function of what it states, so that a record
/// which arrives twice is recognised as the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// The key, which chooses the partition.
    pub key: Option<Vec<u8>>,
    /// The payload; none for a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The id that stays the same however often the record is published.
    pub event_id: String,
}

impl Record {
    /// What the record weighs against byte limits: key, payload and headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let headers: usize = (self.headers.iter())
            .map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len))
            .sum();
        let key = self.key.as_ref().map_or(0, Vec::len);
        key + self.payload.as_ref().map_or(0, Vec::len) + headers
    }
}

impl From<Encoded> for Record {
    fn from(encoded: Encoded) -> Self {
        Self {
            topic: encoded.topic.to_owned(),
            key: Some(encoded.key),
            payload: Some(encoded.payload),
            headers: (encoded.headers.into_iter())
                .map(|(name, value)| (name, Some(value)))
                .collect(),
            event_id: encoded.event_id,
        }
    }
}

/// Where a record is now; in either case it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Kafka has it on every in-sync replica.
    Stored {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset within the partition.
        offset: i64,
    },
    /// The local spool has it, synced; it follows to Kafka in order.
    Spooled {
        /// Its place in the spool.
        sequence: u64,
    },
}
