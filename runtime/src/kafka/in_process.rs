//! librdkafka's in-process cluster: real TCP ports, no durability. For one machine without a broker
//! and for fast tests; nothing about durability, retention or timing is judged on it.

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

/// An in-process cluster; it ends when it is dropped.
pub struct InProcessCluster {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl InProcessCluster {
    /// Starts a cluster of one broker on a free loopback port.
    ///
    /// # Errors
    /// What the client library says.
    pub fn start() -> Result<Self, String> {
        let cluster = MockCluster::new(1).map_err(|error| error.to_string())?;
        Ok(Self { cluster })
    }

    /// Where clients connect.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// What the client library says.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), String> {
        self.cluster
            .create_topic(topic, partitions, 1)
            .map_err(|error| error.to_string())
    }

    /// Refuses the next requests that publish, as a topic would to which the client has no right.
    pub fn refuse_to_publish(&self, requests: usize) {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        let refusals = vec![refusal; requests];
        self.cluster
            .request_errors(RDKafkaApiKey::Produce, &refusals);
    }

    /// Denies a topic to every client, whatever it asks of it, or allows it again.
    ///
    /// # Errors
    /// What the client library says.
    pub fn refuse_topic(&self, topic: &str, is_refused: bool) -> Result<(), String> {
        let answer = if is_refused {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
        } else {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        };
        (self.cluster.topic_error(topic, answer)).map_err(|error| error.to_string())
    }

    /// Takes the broker off the network.
    ///
    /// # Errors
    /// What the client library says.
    pub fn go_away(&self) -> Result<(), String> {
        self.cluster
            .broker_down(1)
            .map_err(|error| error.to_string())
    }

    /// Brings the broker back.
    ///
    /// # Errors
    /// What the client library says.
    pub fn come_back(&self) -> Result<(), String> {
        self.cluster.broker_up(1).map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for InProcessCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcessCluster")
            .field("at", &self.bootstrap_servers())
            .finish()
    }
}
