//! The publisher's settings, and the producer settings that its promise depends on, which nobody
//! can pass through.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

use crate::error::OpenError;
use crate::spool::SpoolConfig;

/// How a [`crate::Publisher`] works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Brokers, `host:port,host:port`.
    pub bootstrap_servers: String,
    /// How this process names itself to the brokers.
    pub client_id: String,
    /// How long Kafka may take to confirm a record, before it goes to the spool.
    pub publish_timeout: Duration,
    /// How many records may be on their way to Kafka.
    pub queue_records_max: u32,
    /// How many kibibytes may be on their way to Kafka.
    pub queue_kbytes_max: u32,
    /// Larger records are refused; not above what the topics allow (`max.message.bytes`).
    pub record_bytes_max: usize,
    /// Where records wait while Kafka is away; without it they are refused instead.
    pub spool: Option<SpoolConfig>,
    /// Further librdkafka settings: security, tuning.
    pub kafka: BTreeMap<String, String>,
}

impl Config {
    /// The defaults, without a spool.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            client_id: "counterflow".into(),
            publish_timeout: Duration::from_secs(1),
            queue_records_max: 100_000,
            queue_kbytes_max: 64 << 10,
            record_bytes_max: 900_000,
            spool: None,
            kafka: BTreeMap::new(),
        }
    }

    /// The same, with a spool.
    #[must_use]
    pub fn spooled(mut self, spool: SpoolConfig) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Whether librdkafka makes a producer of these settings. Opens no socket, and asks nobody.
    ///
    /// # Errors
    /// [`OpenError::Settings`], as [`crate::Publisher::open`] would.
    pub fn check(&self) -> Result<(), OpenError> {
        let mut config = self.client_config()?;
        // Without brokers there is nobody to connect to.
        config.remove("bootstrap.servers");
        let refused = |error: KafkaError| OpenError::Settings(vec![error.to_string()]);
        config.create_native_config().map_err(refused)?;
        // A client that fetches its tokens over HTTP begins to do so when it is made.
        let fetches_tokens = config.get("sasl.oauthbearer.method") == Some("oidc");
        if !self.kafka.is_empty() && !fetches_tokens {
            let made: Result<BaseProducer<Quiet>, KafkaError> = config.create_with_context(Quiet);
            made.map_err(refused)?;
        }
        Ok(())
    }

    pub(crate) fn client_config(&self) -> Result<ClientConfig, OpenError> {
        let owned: Vec<String> = (self.kafka.keys())
            .filter(|key| is_owned(key))
            .map(|key| format!("{key} is set by the publisher and cannot be changed"))
            .collect();
        if !owned.is_empty() {
            return Err(OpenError::Settings(owned));
        }
        let mut config = ClientConfig::new();
        config
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("reconnect.backoff.max.ms", "2000");
        for (key, value) in &self.kafka {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", &self.client_id)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            // A record that has been handed over is tried until it is delivered, in order: giving
            // up on one and delivering the next would turn the events of a purchase round.
            .set("message.timeout.ms", "0")
            .set("allow.auto.create.topics", "false")
            .set(
                "queue.buffering.max.messages",
                self.queue_records_max.to_string(),
            )
            .set(
                "queue.buffering.max.kbytes",
                self.queue_kbytes_max.to_string(),
            );
        Ok(config)
    }
}

/// A context that keeps to itself what librdkafka notes about settings.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Whether the promise depends on this setting.
fn is_owned(key: &str) -> bool {
    const OWNED: [&str; 20] = [
        "acks",
        "allow.auto.create.topics",
        "bootstrap.servers",
        "client.id",
        "delivery.report.only.error",
        "delivery.timeout.ms",
        "dr_msg_cb",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.send.max.retries",
        "message.timeout.ms",
        "metadata.broker.list",
        "partitioner",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "request.required.acks",
        "retries",
        "transactional.id",
    ];
    OWNED.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_the_promise_depends_on_are_all_refused_at_once() {
        let mut config = Config::new("localhost:1");
        for key in ["acks", "enable.idempotence", "linger.ms"] {
            config.kafka.insert(key.into(), "0".into());
        }
        let Err(OpenError::Settings(mistakes)) = config.client_config() else {
            panic!("they were accepted");
        };
        assert_eq!(mistakes.len(), 2);
        assert!(mistakes[0].starts_with("acks ") && mistakes[1].starts_with("enable.idempotence "));
    }

    #[test]
    fn settings_that_make_no_producer_are_found_without_a_broker() {
        let with = |settings: &[(&str, &str)]| {
            let mut config = Config::new("localhost:1");
            let owned = settings
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()));
            config.kafka.extend(owned);
            config.check().map_err(|error| error.to_string())
        };
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[("linger.ms", "50")]), Ok(()));
        let wrong = with(&[("linger.ms", "abc")]).unwrap_err();
        assert!(wrong.contains("linger.ms"), "{wrong}");
        // Each by itself is taken; retries may then turn records round.
        let contradiction = with(&[("queuing.strategy", "lifo")]).unwrap_err();
        assert!(
            contradiction.contains("queuing.strategy"),
            "{contradiction}"
        );
    }

    #[test]
    fn other_settings_pass_through() {
        let mut config = Config::new("localhost:1");
        config.kafka.insert("linger.ms".into(), "50".into());
        let client = config.client_config().unwrap();
        assert_eq!(client.get("linger.ms"), Some("50"));
        assert_eq!(client.get("acks"), Some("all"));
        assert_eq!(client.get("partitioner"), Some("murmur2_random"));
    }
}
