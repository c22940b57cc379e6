//! The Kafka client behind the publisher: one idempotent producer, replaced when it breaks.
//!
//! Separate, so that what a record's delivery means is said in one place. What must stay true:
//! whatever happens to a producer, every token that it took lands exactly once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;

use crate::error::OpenError;
use crate::flights::{Flights, Outcome};
use crate::metrics::Metrics;
use crate::record::Record;

/// A broken producer is not replaced more often than this.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);

/// What the client tells of itself, on its own thread.
struct Context {
    flights: Arc<Flights>,
    metrics: Metrics,
    away: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", facility, message);
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", facility, message);
            }
            _ => tracing::debug!(target: "librdkafka", facility, message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(reason, "no broker can be reached");
                }
            }
            Some(RDKafkaErrorCode::Fatal) => {
                tracing::error!(reason, "the Kafka producer is broken and will be replaced");
                self.broken.store(true, Ordering::Relaxed);
            }
            _ => tracing::debug!(%error, reason, "kafka client"),
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let outcome = match result {
            Ok(message) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("kafka answers again");
                }
                Outcome::Stored {
                    partition: message.partition(),
                    offset: message.offset(),
                }
            }
            Err((error, _)) => Outcome::Failed(code(error)),
        };
        if !self.flights.land(token, outcome) {
            self.metrics.late.inc();
        }
    }
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    (error.rdkafka_error_code()).unwrap_or(RDKafkaErrorCode::Fail)
}

/// Why a record was not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// The client's queue is full; there is room when something lands.
    QueueFull,
    /// The client does not take it.
    Failed(RDKafkaErrorCode),
}

struct Generation {
    producer: ThreadedProducer<Context>,
    broken: Arc<AtomicBool>,
    born: Instant,
}

/// The producer in use.
pub(crate) struct Link {
    config: ClientConfig,
    flights: Arc<Flights>,
    metrics: Metrics,
    away: Arc<AtomicBool>,
    current: RwLock<Generation>,
}

impl Link {
    pub(crate) fn open(
        config: ClientConfig,
        flights: Arc<Flights>,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        let away = Arc::new(AtomicBool::new(false));
        let first = generation(&config, &flights, &metrics, &away)
            .map_err(|error| OpenError::Settings(vec![error.to_string()]))?;
        Ok(Self {
            config,
            flights,
            metrics,
            away,
            current: RwLock::new(first),
        })
    }

    /// Whether the client has lost every broker and nothing was delivered since.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Hands a record to the client. Never blocks.
    pub(crate) fn send(&self, record: &Record, token: usize) -> Result<(), NotSent> {
        let current = self.current.read().expect("no code panics with it held");
        if current.broken.load(Ordering::Relaxed) && current.born.elapsed() > RENEWAL_INTERVAL {
            drop(current);
            self.renew();
            let current = self.current.read().expect("no code panics with it held");
            return send(&current, record, token);
        }
        send(&current, record, token)
    }

    /// Replaces a broken producer. What it still held lands as failed.
    fn renew(&self) {
        let mut current = self.current.write().expect("no code panics with it held");
        if !current.broken.load(Ordering::Relaxed) || current.born.elapsed() <= RENEWAL_INTERVAL {
            return;
        }
        match generation(&self.config, &self.flights, &self.metrics, &self.away) {
            Ok(fresh) => {
                let broken = std::mem::replace(&mut *current, fresh);
                self.metrics.renewals.inc();
                // Closing a producer blocks; its deliveries still land from there.
                let closing = std::thread::Builder::new().name("producer-close".into());
                if let Err(error) = closing.spawn(move || drop(broken)) {
                    tracing::warn!(%error, "start a thread to close the broken producer");
                }
            }
            Err(error) => tracing::error!(%error, "replace the broken producer"),
        }
    }

    /// Gives up everything that is not delivered; it lands as failed.
    pub(crate) fn purge(&self) {
        let current = self.current.read().expect("no code panics with it held");
        (current.producer).purge(PurgeConfig::default().queue().inflight());
    }
}

fn generation(
    config: &ClientConfig,
    flights: &Arc<Flights>,
    metrics: &Metrics,
    away: &Arc<AtomicBool>,
) -> Result<Generation, KafkaError> {
    let broken = Arc::new(AtomicBool::new(false));
    let context = Context {
        flights: Arc::clone(flights),
        metrics: metrics.clone(),
        away: Arc::clone(away),
        broken: Arc::clone(&broken),
    };
    Ok(Generation {
        producer: ThreadedProducer::from_config_and_context(config, context)?,
        broken,
        born: Instant::now(),
    })
}

fn send(current: &Generation, record: &Record, token: usize) -> Result<(), NotSent> {
    let mut outgoing: BaseRecord<'_, [u8], [u8], usize> =
        BaseRecord::with_opaque_to(&record.topic, token);
    if let Some(key) = &record.key {
        outgoing = outgoing.key(key);
    }
    if let Some(payload) = &record.payload {
        outgoing = outgoing.payload(payload);
    }
    if !record.headers.is_empty() {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        outgoing = outgoing.headers(headers);
    }
    match current.producer.send(outgoing) {
        Ok(()) => Ok(()),
        Err((error, _)) => match code(&error) {
            RDKafkaErrorCode::QueueFull => Err(NotSent::QueueFull),
            other => {
                if other == RDKafkaErrorCode::Fatal {
                    current.broken.store(true, Ordering::Relaxed);
                }
                Err(NotSent::Failed(other))
            }
        },
    }
}
