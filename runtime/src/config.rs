//! What a member of a group can be told, with the bounds of every queue, batch, retry and wait.

use std::{collections::BTreeMap, time::Duration};

/// How partitions are given to members. Correctness comes from the epochs alone, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The classic protocol with the `range` assignor.
    #[default]
    Classic,
    /// `group.protocol=consumer` (KIP-848) with the `range` assignor of the broker.
    Consumer,
}

/// The configuration of one member.
#[derive(Debug, Clone)]
pub struct Config {
    /// Kafka's `bootstrap.servers`.
    pub bootstrap_servers: String,
    /// librdkafka options that are passed through as they are.
    pub kafka_options: BTreeMap<String, String>,
    /// Who this member is: Kafka's `client.id`, the owner in `shards`.
    pub member: String,
    /// `group.instance.id`, for static membership.
    pub group_instance_id: Option<String>,
    /// The group protocol.
    pub protocol: Protocol,
    /// How long the broker waits for a heartbeat (classic protocol).
    pub session_timeout: Duration,
    /// How long the poll thread may be away; it is away only while a revocation drains.
    pub max_poll_interval: Duration,
    /// How many lanes (database connections) process disjoint shards side by side.
    pub lanes: usize,
    /// A batch is written when it holds so many records.
    pub batch_records_max: usize,
    /// A batch is written when it holds so many bytes.
    pub batch_bytes_max: usize,
    /// A batch is written so long after its first record came.
    pub batch_linger: Duration,
    /// A lane holds at most so many records; above it its partitions are paused.
    pub queue_records_max: usize,
    /// A lane holds at most so many bytes; above it its partitions are paused.
    pub queue_bytes_max: usize,
    /// How many published events a lane lets go unacknowledged before it takes no more records; nor
    /// does it while five times as many numbers were given behind one that Kafka refuses.
    pub unacknowledged_max: usize,
    /// How long a revocation may take to finish or roll back the batch and to publish.
    pub drain_timeout: Duration,
    /// How long a shutdown may take in all.
    pub shutdown_timeout: Duration,
    /// The newest schema version that this build reads; records that need a newer one are parked.
    pub reader_version: u32,
    /// Over how many of the latest records the share of dead letters is taken.
    pub dead_letter_window: u32,
    /// Above this share (0 to 1) the group pauses.
    pub dead_letter_share_max: f64,
    /// The topic to which dead letters are published.
    pub dead_letter_topic: String,
    /// How often a dead letter may come back from a redrive; it is then left as it is, whoever asks.
    pub redrives_max: i64,
    /// How many task attempts run side by side, per lane.
    pub task_concurrency: usize,
    /// How long one attempt at a task may take; after it the outcome counts as not known.
    pub attempt_timeout: Duration,
    /// How often timers, redrives and unparked records are looked for.
    pub tick: Duration,
    /// How long the timers of a shard wait for a partition of which nothing comes although its end
    /// is not reached, or is not told.
    pub timer_patience: Duration,
    /// The first and the longest back-off after a failure of the database or of a task.
    pub backoff: (Duration, Duration),
    /// How long published journal entries are kept for the auditor.
    pub journal_retention: Duration,
    /// How often positions are committed to Kafka for lag tools and autoscalers.
    pub commit_interval: Duration,
}

impl Config {
    /// The defaults for a group on a cluster.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>, group: &str) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            kafka_options: BTreeMap::new(),
            member: format!("{group}-{}", uuid::Uuid::new_v4().simple()),
            group_instance_id: None,
            protocol: Protocol::Classic,
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            lanes: 2,
            batch_records_max: 1_000,
            batch_bytes_max: 4 << 20,
            batch_linger: Duration::from_millis(5),
            queue_records_max: 10_000,
            queue_bytes_max: 32 << 20,
            unacknowledged_max: 20_000,
            drain_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(25),
            reader_version: 3,
            dead_letter_window: 1_000,
            dead_letter_share_max: 0.5,
            dead_letter_topic: format!("shop.{group}.dead-letters.v1"),
            redrives_max: 3,
            task_concurrency: 64,
            attempt_timeout: Duration::from_secs(120),
            tick: Duration::from_millis(500),
            timer_patience: Duration::from_secs(300),
            backoff: (Duration::from_millis(100), Duration::from_secs(10)),
            journal_retention: Duration::from_secs(7 * 24 * 3600),
            commit_interval: Duration::from_secs(5),
        }
    }

    /// The mistakes in the configuration: limits that contradict each other or cannot work. Every
    /// one is named; an empty list is a sound configuration.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut require = |holds: bool, otherwise: String| {
            if !holds {
                mistakes.push(otherwise);
            }
        };
        let (drain, poll) = (self.drain_timeout, self.max_poll_interval);
        require(
            drain <= poll / 2,
            format!("drain_timeout {drain:?} must be at most half of max_poll_interval {poll:?}"),
        );
        require(
            drain < self.shutdown_timeout,
            format!(
                "drain_timeout {drain:?} must be less than shutdown_timeout {:?}",
                self.shutdown_timeout
            ),
        );
        require(
            self.session_timeout < poll,
            format!(
                "session_timeout {:?} must be less than max_poll_interval {poll:?}",
                self.session_timeout
            ),
        );
        // The time in which a partition may move to another broker, and its records are late.
        require(
            self.session_timeout < self.timer_patience,
            format!(
                "session_timeout {:?} must be less than timer_patience {:?}",
                self.session_timeout, self.timer_patience
            ),
        );
        require(
            !self.attempt_timeout.is_zero(),
            "attempt_timeout must be more than 0".to_owned(),
        );
        for (name, value) in [
            ("lanes", self.lanes),
            ("batch_records_max", self.batch_records_max),
            ("batch_bytes_max", self.batch_bytes_max),
            ("unacknowledged_max", self.unacknowledged_max),
            ("task_concurrency", self.task_concurrency),
        ] {
            require(value > 0, format!("{name} must be at least 1"));
        }
        require(
            self.queue_records_max >= self.batch_records_max,
            format!(
                "queue_records_max {} must be at least batch_records_max {}",
                self.queue_records_max, self.batch_records_max
            ),
        );
        require(
            self.queue_bytes_max >= self.batch_bytes_max,
            format!(
                "queue_bytes_max {} must be at least batch_bytes_max {}",
                self.queue_bytes_max, self.batch_bytes_max
            ),
        );
        require(
            (0.0..=1.0).contains(&self.dead_letter_share_max),
            format!(
                "dead_letter_share_max {} must be 0 to 1",
                self.dead_letter_share_max
            ),
        );
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_do_not_contradict_each_other() {
        assert_eq!(
            Config::new("localhost:9092", "test").mistakes(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_contradiction_is_named_at_once() {
        let mut config = Config::new("localhost:9092", "test");
        config.drain_timeout = Duration::from_secs(200);
        config.lanes = 0;
        config.queue_records_max = 1;
        config.attempt_timeout = Duration::ZERO;
        config.timer_patience = config.session_timeout;
        assert_eq!(config.mistakes().len(), 6);
    }
}
