//! How events are published: straight to Kafka, or through a spool on disk while it is away.

use std::time::Duration;

use anyhow::Context;
use client::{Publisher, spool::SpoolConfig};
use prometheus::Registry;

use crate::config::Config;

/// How long Kafka may take to confirm a record where there is no spool to go to.
const PATIENCE: Duration = Duration::from_secs(15);

/// Without a spool: for commands that tell whether it was published.
#[must_use]
pub fn publisher_config(config: &Config, client_id: &str) -> client::Config {
    let servers = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    client::Config {
        client_id: client_id.to_owned(),
        publish_timeout: PATIENCE,
        kafka: config.kafka.options.0.clone(),
        ..client::Config::new(servers)
    }
}

/// With the spool: for whoever has to accept while Kafka is away.
#[must_use]
pub fn spooled_publisher_config(config: &Config, client_id: &str) -> client::Config {
    let spool = SpoolConfig {
        bytes_max: config.spool.bytes_max.0,
        ..SpoolConfig::in_folder(&config.spool.dir)
    };
    let plain = publisher_config(config, client_id);
    let defaults = client::Config::new("");
    client::Config {
        publish_timeout: defaults.publish_timeout,
        ..plain
    }
    .spooled(spool)
}

/// Opens a publisher; it connects in the background.
///
/// # Errors
/// When the spool or the options cannot be used.
pub fn open_publisher(config: &client::Config, registry: &Registry) -> anyhow::Result<Publisher> {
    Publisher::open(config, registry).context("open the publisher")
}
