//! Publishes the journal: in order per shard, never giving an event up, acknowledgements collected
//! per lane.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use super::{ends, options, topic_id};
use crate::{
    broker::{Acknowledged, Bounds, Broker, Ticket, TopicState},
    config::Config,
    intake::Intake,
    record::Outgoing,
};

/// The producer of one member, shared by its lanes.
pub(crate) struct Publisher {
    producer: ThreadedProducer<Deliveries>,
    topic_ids: Mutex<TopicIds>,
}

/// Whether the cluster tells the ids of topics.
#[derive(Debug, Default)]
struct TopicIds {
    /// It has told them before.
    told: bool,
    /// Until when a cluster that never did is not asked.
    silent_until: Option<Instant>,
}

/// How long telling the ids of topics may take.
const TOPIC_IDS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a cluster that did not tell them is left alone.
const SILENT_FOR: Duration = Duration::from_secs(600);

/// Where the acknowledgements of a lane are collected.
#[derive(Debug)]
pub(crate) struct Acknowledgements {
    collected: Mutex<Vec<Acknowledged>>,
    intake: Arc<Intake>,
}

struct Deliveries {
    lanes: Vec<Acknowledgements>,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(error = %error, reason, "kafka producer");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Self::DeliveryOpaque) {
        let failure = result
            .as_ref()
            .err()
            .map(|(error, message)| format!("publish to {}: {error}", message.topic()));
        let lane = &self.lanes[ticket.lane];
        let Ticket {
            shard,
            epoch,
            sequence,
            ..
        } = *ticket;
        let acknowledged = Acknowledged {
            shard,
            epoch,
            sequence,
            failure,
        };
        lane.collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(acknowledged);
        lane.intake.wake();
    }
}

impl Publisher {
    pub(crate) fn new(config: &Config, intakes: &[Arc<Intake>]) -> Result<Self, KafkaError> {
        let lanes = intakes
            .iter()
            .map(|intake| Acknowledgements {
                collected: Mutex::default(),
                intake: Arc::clone(intake),
            })
            .collect();
        let deliveries = Deliveries { lanes };
        let producer = options::producer(config).create_with_context(deliveries)?;
        Ok(Self {
            producer,
            topic_ids: Mutex::default(),
        })
    }
}

impl Broker for Publisher {
    fn publish(&self, ticket: Ticket, outgoing: &Outgoing) -> Result<bool, String> {
        let mut headers = OwnedHeaders::new_with_capacity(outgoing.headers.0.len());
        for (name, value) in &outgoing.headers.0 {
            headers = headers.insert(Header {
                key: name,
                value: value.as_deref(),
            });
        }
        let mut record = BaseRecord::with_opaque_to(&outgoing.topic, Box::new(ticket))
            .key(&outgoing.key)
            .headers(headers);
        if let Some(payload) = &outgoing.payload {
            record = record.payload(payload);
        }
        match self.producer.send(record) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(format!("publish to {}: {error}", outgoing.topic)),
        }
    }

    fn take_acknowledged(&self, lane: usize) -> Vec<Acknowledged> {
        let lane = &self.producer.context().lanes[lane];
        std::mem::take(
            &mut lane
                .collected
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<Bounds, String> {
        let client = self.producer.client();
        client
            .fetch_watermarks(topic, partition, timeout)
            .map_err(|error| error.to_string())
    }

    fn bounds(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Option<Bounds>>, String> {
        ends::bounds(self.producer.client(), partitions, timeout)
    }

    fn topic_state(&self, topic: &str, timeout: Duration) -> Result<TopicState, String> {
        let metadata = self.producer.client().fetch_metadata(Some(topic), timeout);
        let metadata = metadata.map_err(|error| format!("{topic}: {error}"))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(TopicState::Missing);
        };
        match found.error().map(RDKafkaErrorCode::from) {
            None if found.partitions().is_empty() => Ok(TopicState::Missing),
            None => Ok(TopicState::Partitions(found.partitions().len())),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Ok(TopicState::Missing)
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Ok(TopicState::Denied),
            Some(error) => Err(format!("{topic}: {error}")),
        }
    }

    /// Blocks for at most [`TOPIC_IDS_TIMEOUT`]. A cluster that does not answer (the in-process one
    /// does not know the request) is not asked again for a while: its ids are then not compared.
    fn topic_ids(&self, topics: &[String], is_needed: bool) -> Result<Vec<Option<String>>, String> {
        let mut asked = self
            .topic_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !is_needed
            && asked
                .silent_until
                .is_some_and(|until| Instant::now() < until)
        {
            return Ok(vec![None; topics.len()]);
        }
        match topic_id::topic_ids(self.producer.client(), topics, TOPIC_IDS_TIMEOUT) {
            Ok(ids) => {
                asked.told |= ids.iter().any(Option::is_some);
                Ok(ids)
            }
            Err(error) if is_needed || asked.told => {
                Err(format!("ask for the ids of topics: {error}"))
            }
            Err(error) => {
                tracing::info!(error, "the cluster does not tell the ids of topics");
                asked.silent_until = Some(Instant::now() + SILENT_FOR);
                Ok(vec![None; topics.len()])
            }
        }
    }

    fn fatal_error(&self) -> Option<String> {
        let (code, reason) = self.producer.client().fatal_error()?;
        Some(format!("{code}: {reason}"))
    }

    fn purge(&self) {
        use rdkafka::producer::PurgeConfig;
        self.producer
            .purge(PurgeConfig::default().queue().inflight());
    }
}
