//! librdkafka's options: which the promise depends on, and what they are set to.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use crate::config::{Config, Protocol};

/// Options that cannot be passed through, and why.
pub const OWNED_OPTIONS: &[(&str, &str)] = &[
    ("bootstrap.servers", "it has a setting of its own"),
    ("client.id", "it is the member's name"),
    ("group.id", "it is the group's name"),
    ("group.instance.id", "it has a setting of its own"),
    ("group.protocol", "it has a setting of its own"),
    ("group.remote.assignor", "shards need the range assignor"),
    (
        "partition.assignment.strategy",
        "shards need the range assignor",
    ),
    ("session.timeout.ms", "it has a setting of its own"),
    ("max.poll.interval.ms", "it has a setting of its own"),
    (
        "enable.auto.commit",
        "positions live in the group's database",
    ),
    (
        "enable.auto.offset.store",
        "positions live in the group's database",
    ),
    (
        "auto.offset.reset",
        "a position outside the topic must never be skipped silently",
    ),
    (
        "isolation.level",
        "records of aborted transactions must not have effects",
    ),
    ("check.crcs", "damaged records must be noticed"),
    (
        "allow.auto.create.topics",
        "topics are declared, not guessed",
    ),
    ("acks", "an event is published when all replicas have it"),
    (
        "request.required.acks",
        "an event is published when all replicas have it",
    ),
    (
        "enable.idempotence",
        "retries must neither reorder nor repeat",
    ),
    (
        "partitioner",
        "producers in all languages must agree on the partition of a key",
    ),
    (
        "message.timeout.ms",
        "an event of the journal is never given up",
    ),
    (
        "delivery.timeout.ms",
        "an event of the journal is never given up",
    ),
    (
        "transactional.id",
        "effects are made once by the database, not by Kafka transactions",
    ),
];

/// An option that cannot be passed through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the option {option} cannot be set: {reason}")]
pub struct OptionRefused {
    /// The option.
    pub option: String,
    /// Why.
    pub reason: &'static str,
}

/// Names every option that cannot be passed through.
#[must_use]
pub fn check_options(options: &BTreeMap<String, String>) -> Vec<OptionRefused> {
    let refused = |option: &String| {
        let owned = OWNED_OPTIONS.iter().find(|(owned, _)| owned == option);
        owned.map(|(_, reason)| OptionRefused {
            option: option.clone(),
            reason,
        })
    };
    options.keys().filter_map(refused).collect()
}

/// What every client has.
pub(crate) fn client(
    bootstrap_servers: &str,
    options: &BTreeMap<String, String>,
    client_id: &str,
) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (option, value) in options {
        client.set(option, value);
    }
    client
        .set("bootstrap.servers", bootstrap_servers)
        .set("client.id", client_id)
        .set("allow.auto.create.topics", "false");
    client
}

/// The consumer of a group.
pub(crate) fn consumer(config: &Config, group: &str) -> ClientConfig {
    let mut client = client(
        &config.bootstrap_servers,
        &config.kafka_options,
        &config.member,
    );
    // Prefetching is bounded well below librdkafka's defaults, and its one-second back-off when the
    // queue is full is shortened with it: small queues would otherwise fetch once per second.
    for (option, value) in [
        ("queued.min.messages", "10000"),
        ("queued.max.messages.kbytes", "16384"),
        ("fetch.queue.backoff.ms", "20"),
        ("fetch.wait.max.ms", "10"),
        ("statistics.interval.ms", "5000"),
        // A member may be started before its topics are created.
        ("topic.metadata.refresh.interval.ms", "10000"),
    ] {
        if !config.kafka_options.contains_key(option) {
            client.set(option, value);
        }
    }
    client
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("check.crcs", "true")
        .set(
            "max.poll.interval.ms",
            config.max_poll_interval.as_millis().to_string(),
        );
    if let Some(instance) = &config.group_instance_id {
        client.set("group.instance.id", instance);
    }
    match config.protocol {
        Protocol::Classic => client
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "range")
            .set(
                "session.timeout.ms",
                config.session_timeout.as_millis().to_string(),
            )
            .set(
                "heartbeat.interval.ms",
                (config.session_timeout.as_millis() / 5)
                    .clamp(100, 3_000)
                    .to_string(),
            ),
        Protocol::Consumer => client
            .set("group.protocol", "consumer")
            .set("group.remote.assignor", "range"),
    };
    client
}

/// The producer of a group's journal. It never gives an event up: while the broker is away events
/// wait, the lane takes no more records, and order is kept.
pub(crate) fn producer(config: &Config) -> ClientConfig {
    let mut client = client(
        &config.bootstrap_servers,
        &config.kafka_options,
        &config.member,
    );
    client
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", "5")
        .set("message.timeout.ms", "0")
        .set("queue.buffering.max.messages", "200000")
        .set("queue.buffering.max.kbytes", "65536");
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_the_promise_depends_on_is_refused_with_the_reason() {
        let options = BTreeMap::from([
            ("enable.auto.commit".to_owned(), "true".to_owned()),
            ("fetch.min.bytes".to_owned(), "1024".to_owned()),
        ]);
        let refused = check_options(&options);
        assert_eq!(refused.len(), 1);
        assert!(refused[0].to_string().contains("enable.auto.commit"));
    }
}
