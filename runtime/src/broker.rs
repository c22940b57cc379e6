//! What a member asks of Kafka besides records: to take its events, and to tell of topics.
//!
//! Apart from the client that does it, so that a simulation can put topics in memory in its place.

use std::time::Duration;

use crate::record::Outgoing;

/// The broker has (or has refused) an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) shard: i32,
    pub(crate) epoch: i64,
    pub(crate) sequence: i64,
    /// Set when it was not stored: it has to be published again.
    pub(crate) failure: Option<String>,
}

/// Says which event an acknowledgement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) lane: usize,
    pub(crate) shard: i32,
    pub(crate) epoch: i64,
    pub(crate) sequence: i64,
}

/// What Kafka says of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicState {
    /// It has so many partitions.
    Partitions(usize),
    /// It does not exist.
    Missing,
    /// This client may not be told of it.
    Denied,
}

/// The first and the next offset of a partition.
pub(crate) type Bounds = (i64, i64);

/// One member's connection, shared by its lanes.
pub(crate) trait Broker: Send + Sync + 'static {
    /// Hands an event over. False when there is no room: try again a little later.
    fn publish(&self, ticket: Ticket, outgoing: &Outgoing) -> Result<bool, String>;

    /// Takes the acknowledgements of a lane.
    fn take_acknowledged(&self, lane: usize) -> Vec<Acknowledged>;

    /// The bounds of a partition. Blocks for at most `timeout`.
    fn watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<Bounds, String>;

    /// The bounds of many partitions at once, none for those that are not told; an error when that
    /// does not work of one of them. Blocks for at most twice `timeout`.
    fn bounds(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Option<Bounds>>, String>;

    /// What Kafka says of a topic; an error when it does not say, or not yet. Blocks for at most
    /// `timeout`.
    fn topic_state(&self, topic: &str, timeout: Duration) -> Result<TopicState, String>;

    /// The ids of topics, as far as the cluster tells them. Where they are needed, because they are
    /// known from before, no answer is an error. Blocks for a few seconds.
    fn topic_ids(&self, topics: &[String], is_needed: bool) -> Result<Vec<Option<String>>, String>;

    /// Whether the client has met an error from which it cannot recover.
    fn fatal_error(&self) -> Option<String>;

    /// Throws away what waits to be sent: the journal keeps it for the next owner.
    fn purge(&self);
}
