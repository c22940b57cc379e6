//! Options passed through to librdkafka, except those that the promise depends on or that have a
//! setting of their own. Which others exist, what they may be and which of them contradict each
//! other is librdkafka's to say, and it is asked here, before anything is connected.

use std::collections::BTreeMap;

use client::OpenError;
use runtime::kafka::{member_refusals, option_refusal};

use super::{
    layers::Layers,
    mistake::{Mistake, Mistakes},
    settings::Config,
};
use crate::wiring::{member_config, publisher_config};

/// Options for librdkafka, by their own names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaOptions(pub BTreeMap<String, String>);

impl std::fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0.iter().map(|(key, value)| {
            let value = if is_secret(key) { "(hidden)" } else { value };
            (key, value)
        });
        f.debug_map().entries(shown).finish()
    }
}

/// Why an option cannot be set, or none when it can.
pub(super) fn denied(option: &str) -> Option<&'static str> {
    DENIED
        .iter()
        .find(|(name, _)| *name == option)
        .map(|(_, why)| *why)
}

/// The mistake in one option, as librdkafka sees it.
pub(super) fn refused(layers: &Layers, option: &str, value: &str) -> Option<Mistake> {
    let problem = option_refusal(option, value)?;
    let key = format!("kafka.options.{option}");
    let origin = layers.get(&key).map(|entry| entry.origin.to_string());
    Some(Mistake {
        origin: origin.unwrap_or_default(),
        problem: match is_secret(option) {
            // Its words may repeat the value.
            true => "librdkafka does not take the value".to_owned(),
            false => problem,
        },
        key,
    })
}

/// The mistakes in options each of which can be set: those that make no client together, with each
/// other or with the settings that a member and a publisher have of their own.
pub(super) fn check_together(config: &Config, mistakes: &mut Mistakes) {
    let mut problems = member_refusals(&member_config(config, "counterflow"));
    if let Err(OpenError::Settings(of_publisher)) = publisher_config(config, "counterflow").check()
    {
        // The same words again, mostly.
        if problems.is_empty() {
            problems = of_publisher;
        }
    }
    mistakes
        .0
        .extend(problems.into_iter().map(|problem| Mistake {
            key: "kafka.options".to_owned(),
            origin: "with the consumer's settings".to_owned(),
            problem: format!("librdkafka makes no client of them: {problem}"),
        }));
}

/// Whether an option's value must not be shown.
pub(super) fn is_secret(option: &str) -> bool {
    option.contains("password")
        || option.contains("secret")
        || option.ends_with("key.pem")
        || option == "sasl.jaas.config"
        || option == "sasl.oauthbearer.config"
}

const POSITION: &str = "positions live in the group's database and move with the effects";
const ONCE: &str = "a lost, doubled or reordered record would break the promise";
const SHARDS: &str = "one member must own a partition of every topic, and epochs its shard";

const BOUNDED: &str = "what waits in memory is bounded by the publisher itself";

const DENIED: &[(&str, &str)] = &[
    ("enable.auto.commit", POSITION),
    ("auto.commit.enable", POSITION),
    ("auto.commit.interval.ms", POSITION),
    ("enable.auto.offset.store", POSITION),
    (
        "auto.offset.reset",
        "a position outside the topic is an operator's decision",
    ),
    ("offset.store.method", POSITION),
    ("offset.store.path", POSITION),
    (
        "isolation.level",
        "records of aborted transactions must not be read",
    ),
    ("check.crcs", "a damaged record must be recognised"),
    (
        "enable.partition.eof",
        "the consumer needs to know the end of a partition",
    ),
    ("group.remote.assignor", SHARDS),
    ("partition.assignment.strategy", SHARDS),
    ("group.id", "it is the name of the group"),
    ("group.protocol", "set consumer.protocol"),
    ("group.instance.id", "set consumer.group_instance_id"),
    ("session.timeout.ms", "set consumer.session_timeout"),
    ("max.poll.interval.ms", "set consumer.max_poll_interval"),
    ("bootstrap.servers", "set kafka.bootstrap_servers"),
    ("metadata.broker.list", "set kafka.bootstrap_servers"),
    ("enable.idempotence", ONCE),
    ("enable.gapless.guarantee", ONCE),
    ("acks", ONCE),
    ("request.required.acks", ONCE),
    ("max.in.flight", ONCE),
    ("max.in.flight.requests.per.connection", ONCE),
    ("retries", ONCE),
    ("message.send.max.retries", ONCE),
    (
        "message.timeout.ms",
        "an event that was accepted is never given up",
    ),
    (
        "delivery.timeout.ms",
        "an event that was accepted is never given up",
    ),
    ("queue.buffering.max.messages", BOUNDED),
    ("queue.buffering.max.kbytes", BOUNDED),
    ("delivery.report.only.error", "every delivery is awaited"),
    ("dr_msg_cb", "every delivery is awaited"),
    ("client.id", "it is the name of the member"),
    (
        "transactional.id",
        "effects live in the database; Kafka transactions are not used",
    ),
    (
        "partitioner",
        "all writers of a topic must place a key alike",
    ),
    (
        "allow.auto.create.topics",
        "topics are declared; `counterflow topics apply` makes them",
    ),
    (
        "plugin.library.paths",
        "foreign code must not be loaded through configuration",
    ),
];

#[cfg(test)]
mod tests {
    use super::denied;

    #[test]
    fn whatever_the_runtime_owns_is_refused_here_already() {
        for (option, _) in runtime::kafka::OWNED_OPTIONS {
            assert!(denied(option).is_some(), "{option}");
        }
    }
}
