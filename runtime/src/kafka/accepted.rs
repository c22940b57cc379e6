//! Whether librdkafka takes its options, asked of librdkafka itself before there is a broker to
//! talk to: which options exist, what each may be and which of them contradict each other is its
//! to say, and it says so when a client is made. A client without brokers opens no socket.

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, ConsumerContext},
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, ProducerContext},
    types::RDKafkaConfRes,
};

use super::options;
use crate::config::Config;

/// Why librdkafka does not take an option with this value, or none when it does. The reason may
/// repeat the value.
#[must_use]
pub fn option_refusal(option: &str, value: &str) -> Option<String> {
    let mut client = ClientConfig::new();
    client.set(option, value);
    match client.create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Some("librdkafka has no such option".to_owned())
        }
        Err(error) => Some(said(error)),
    }
}

/// Why librdkafka makes no consumer and no producer of a member's configuration, each option of
/// which it takes; empty when it does. The reasons name options, not values of secrets.
#[must_use]
pub fn member_refusals(config: &Config) -> Vec<String> {
    let consumer = options::consumer(config, "counterflow");
    let producer = options::producer(config);
    let refusals = [
        refusal::<BaseConsumer<Quiet>>(consumer, config),
        refusal::<BaseProducer<Quiet>>(producer, config),
    ];
    let mut refusals: Vec<String> = refusals.into_iter().flatten().collect();
    refusals.dedup();
    refusals
}

fn refusal<T: FromClientConfigAndContext<Quiet>>(
    mut client: ClientConfig,
    config: &Config,
) -> Option<String> {
    client.remove("bootstrap.servers");
    let by_itself = client.create_native_config().map(drop);
    let options = &config.kafka_options;
    let fetches_tokens = options.get("sasl.oauthbearer.method").map(String::as_str) == Some("oidc");
    // What the runtime sets agrees with itself. A client that fetches its tokens over HTTP begins
    // to do so when it is made.
    let refused = if options.is_empty() || fetches_tokens {
        by_itself.err()
    } else {
        let made = by_itself.and_then(|()| client.create_with_context::<_, T>(Quiet).map(drop));
        made.err()
    };
    refused.map(said)
}

/// librdkafka's own words.
fn said(error: KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, said, ..) | KafkaError::ClientCreation(said) => said,
        other => other.to_string(),
    }
}

/// A context that keeps to itself what librdkafka notes about options.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(options: &[(&str, &str)]) -> Config {
        let mut config = Config::new("localhost:1", "test");
        let owned = |(option, value): &(&str, &str)| ((*option).to_owned(), (*value).to_owned());
        config.kafka_options = options.iter().map(owned).collect();
        config
    }

    #[test]
    fn an_option_that_does_not_exist_and_a_value_that_is_none_are_refused() {
        let unknown = option_refusal("fetch.min.byte", "1").unwrap();
        assert!(unknown.contains("no such option"), "{unknown}");
        let wrong = option_refusal("linger.ms", "abc").unwrap();
        assert!(wrong.contains("Invalid value"), "{wrong}");
        assert!(option_refusal("socket.timeout.ms", "1").is_some());
        assert_eq!(option_refusal("fetch.min.bytes", "1"), None);
        assert_eq!(option_refusal("sasl.password", "x"), None);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused_though_each_is_taken() {
        assert_eq!(member_refusals(&with(&[])), Vec::<String>::new());
        let tuned = with(&[("fetch.min.bytes", "1024"), ("linger.ms", "50")]);
        assert_eq!(member_refusals(&tuned), Vec::<String>::new());
        let options = [("fetch.max.bytes", "1000"), ("message.max.bytes", "100000")];
        for (option, value) in options {
            assert_eq!(option_refusal(option, value), None);
        }
        let refused = member_refusals(&with(&options));
        assert!(refused[0].contains("fetch.max.bytes"), "{refused:?}");
        let mut config = with(&[]);
        config.session_timeout = std::time::Duration::from_secs(7_200);
        config.max_poll_interval = std::time::Duration::from_secs(14_400);
        let refused = member_refusals(&config);
        assert!(refused[0].contains("session.timeout.ms"), "{refused:?}");
    }
}
