//! From configuration to what a member of a group is told.

use runtime::Protocol;

use crate::config::{Bytes, Config, GroupProtocol};

/// The settings of one member of a group.
#[must_use]
pub fn member_config(config: &Config, group: &str) -> runtime::Config {
    let consumer = &config.consumer;
    let servers = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    runtime::Config {
        kafka_options: config.kafka.options.0.clone(),
        group_instance_id: consumer.group_instance_id.clone(),
        protocol: match consumer.protocol {
            GroupProtocol::Classic => Protocol::Classic,
            GroupProtocol::Consumer => Protocol::Consumer,
        },
        session_timeout: consumer.session_timeout,
        max_poll_interval: consumer.max_poll_interval,
        lanes: consumer.lanes.get(),
        batch_records_max: consumer.batch_records_max.get(),
        batch_bytes_max: in_memory(consumer.batch_bytes_max),
        batch_linger: consumer.batch_linger,
        queue_records_max: consumer.queue_records_max.get(),
        queue_bytes_max: in_memory(consumer.queue_bytes_max),
        drain_timeout: consumer.drain_timeout,
        shutdown_timeout: consumer.shutdown_timeout,
        reader_version: u32::from(config.schemas.reader_version.number()),
        dead_letter_window: u32::try_from(consumer.dead_letter_window.get()).unwrap_or(u32::MAX),
        dead_letter_share_max: consumer.dead_letter_share_max.0,
        redrives_max: i64::from(consumer.redrives_max),
        journal_retention: consumer.journal_retention,
        task_concurrency: config.tasks.concurrency.get(),
        attempt_timeout: config.tasks.attempt_timeout,
        timer_patience: consumer.timer_patience,
        ..runtime::Config::new(servers, group)
    }
}

fn in_memory(bytes: Bytes) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::member_config;
    use crate::context::{ConfigurationFlags, Context};

    fn configured(set: &[&str]) -> crate::config::Config {
        let context = Context {
            flags: ConfigurationFlags {
                config: None,
                set: set.iter().map(|set| (*set).to_owned()).collect(),
            },
            ..Context::default()
        };
        context.load(&[]).unwrap().config
    }

    #[test]
    fn the_defaults_make_a_member_that_can_run() {
        let config = member_config(&configured(&["kafka.bootstrap_servers=b:1"]), "payment");
        assert_eq!(config.mistakes(), Vec::<String>::new());
        assert_eq!(config.bootstrap_servers, "b:1");
        assert_eq!(config.dead_letter_topic, "shop.payment.dead-letters.v1");
        assert!(config.member.starts_with("payment-"), "{}", config.member);
    }

    #[test]
    fn every_setting_of_a_member_arrives() {
        let set = [
            "kafka.bootstrap_servers=b:1",
            "kafka.options.security.protocol=SSL",
            "schemas.reader_version=2",
            "schemas.write_version=2",
            "consumer.lanes=5",
            "consumer.batch_records_max=11",
            "consumer.batch_bytes_max=1MiB",
            "consumer.batch_linger=7ms",
            "consumer.queue_records_max=22",
            "consumer.queue_bytes_max=2MiB",
            "consumer.drain_timeout=3s",
            "consumer.shutdown_timeout=12s",
            "consumer.session_timeout=13s",
            "consumer.max_poll_interval=60s",
            "consumer.group_instance_id=payment-0",
            "consumer.protocol=consumer",
            "consumer.dead_letter_share_max=0.25",
            "consumer.dead_letter_window=99",
            "consumer.redrives_max=8",
            "consumer.journal_retention=9d",
            "consumer.timer_patience=3m",
            "tasks.concurrency=17",
            "tasks.attempt_timeout=31s",
        ];
        let config = member_config(&configured(&set), "payment");
        assert_eq!(config.kafka_options["security.protocol"], "SSL");
        assert_eq!(config.reader_version, 2);
        assert_eq!((config.lanes, config.task_concurrency), (5, 17));
        assert_eq!(
            (config.batch_records_max, config.queue_records_max),
            (11, 22)
        );
        assert_eq!(
            (config.batch_bytes_max, config.queue_bytes_max),
            (1 << 20, 2 << 20)
        );
        assert_eq!(config.batch_linger, Duration::from_millis(7));
        assert_eq!(config.attempt_timeout, Duration::from_secs(31));
        assert_eq!(config.timer_patience, Duration::from_secs(180));
        assert_eq!(config.drain_timeout, Duration::from_secs(3));
        assert_eq!(config.shutdown_timeout, Duration::from_secs(12));
        assert_eq!(config.session_timeout, Duration::from_secs(13));
        assert_eq!(config.max_poll_interval, Duration::from_secs(60));
        assert_eq!(config.group_instance_id.as_deref(), Some("payment-0"));
        assert_eq!(config.protocol, runtime::Protocol::Consumer);
        assert!((config.dead_letter_share_max - 0.25).abs() < f64::EPSILON);
        assert_eq!((config.dead_letter_window, config.redrives_max), (99, 8));
        assert_eq!(
            config.journal_retention,
            Duration::from_secs(9 * 24 * 60 * 60)
        );
    }
}
