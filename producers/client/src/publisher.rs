//! The publisher: to Kafka when it answers in time, otherwise to the spool.
//!
//! What must stay true: a receipt is given only for what is durable, and nothing overtakes an
//! earlier record of its key. While anything waits in the spool, everything goes through it, so
//! the spool is the circuit breaker too: its drain finds out when Kafka is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus::Registry;
use tokio::time::Instant;

use crate::config::Config;
use crate::drain::Drainer;
use crate::error::{OpenError, PublishError};
use crate::flights::{BATCH_RECORDS_MAX, Flights, Outcome};
use crate::kafka::{Link, NotSent};
use crate::metrics::{Metrics, SpoolCollector, age_seconds};
use crate::record::{Receipt, Record};
use crate::spool::{Recovery, Spool, SpoolError};

/// The state of a publisher, for probes and dashboards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// No broker can be reached; records go to the spool.
    pub is_kafka_away: bool,
    /// Bytes of accepted records that Kafka does not have yet.
    pub spool_bytes: u64,
    /// Age of the oldest of them; 0 when there is none.
    pub spool_oldest_seconds: f64,
}

/// Publishes records. Share it by reference or in an `Arc`.
pub struct Publisher {
    publish_timeout: Duration,
    record_bytes_max: usize,
    link: Arc<Link>,
    flights: Arc<Flights>,
    metrics: Metrics,
    spool: Option<Spool>,
    recovery: Recovery,
    is_closed: AtomicBool,
    stop: Arc<AtomicBool>,
    drainer: Mutex<Option<JoinHandle<()>>>,
}

impl Publisher {
    /// Opens the spool, recovers it, and connects in the background: Kafka may be away.
    pub fn open(config: &Config, registry: &Registry) -> Result<Self, OpenError> {
        let client = config.client_config()?;
        let metrics = Metrics::register(registry).map_err(OpenError::Metrics)?;
        let flights = Arc::new(Flights::default());
        let link = Link::open(client, Arc::clone(&flights), metrics.clone())?;
        let mut publisher = Self {
            publish_timeout: config.publish_timeout,
            record_bytes_max: config.record_bytes_max,
            link: Arc::new(link),
            flights,
            metrics,
            spool: None,
            recovery: Recovery::default(),
            is_closed: AtomicBool::new(false),
            stop: Arc::new(AtomicBool::new(false)),
            drainer: Mutex::new(None),
        };
        if let Some(spool) = &config.spool {
            let (spool, drain, recovery) = Spool::open(spool.clone()).map_err(OpenError::Spool)?;
            let watched = spool.watch();
            let collector = SpoolCollector::new(Arc::new(move || watched.backlog()));
            collector
                .and_then(|collector| registry.register(Box::new(collector)))
                .map_err(OpenError::Metrics)?;
            let drainer = Drainer {
                drain,
                link: Arc::clone(&publisher.link),
                flights: Arc::clone(&publisher.flights),
                metrics: publisher.metrics.clone(),
                stop: Arc::clone(&publisher.stop),
            };
            let thread = drainer.start().map_err(OpenError::Thread)?;
            publisher.drainer = Mutex::new(Some(thread));
            publisher.spool = Some(spool);
            publisher.recovery = recovery;
        }
        Ok(publisher)
    }

    /// What was found in the spool when it was opened.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// How it is now.
    #[must_use]
    pub fn health(&self) -> Health {
        let backlog = (self.spool.as_ref())
            .map(Spool::backlog)
            .unwrap_or_default();
        Health {
            is_kafka_away: self.link.is_away(),
            spool_bytes: backlog.bytes,
            spool_oldest_seconds: age_seconds(backlog.oldest_at),
        }
    }

    /// Publishes one record; returns when it is durable.
    pub async fn publish(&self, record: impl Into<Record>) -> Result<Receipt, PublishError> {
        let mut results = self.publish_all(vec![record.into()]).await;
        results.pop().expect("one record has one result")
    }

    /// Publishes records in order; returns when each is durable or has failed. The results stand
    /// in the order of the records.
    ///
    /// This is the way for many records: a window of them costs one allocation and one wake-up.
    pub async fn publish_all(
        &self,
        mut records: Vec<Record>,
    ) -> Vec<Result<Receipt, PublishError>> {
        let mut results = Vec::with_capacity(records.len());
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(BATCH_RECORDS_MAX));
            results.extend(self.publish_batch(records).await);
            records = rest;
        }
        results
    }

    async fn publish_batch(&self, records: Vec<Record>) -> Vec<Result<Receipt, PublishError>> {
        let started = Instant::now();
        let topics: Vec<String> = records.iter().map(|record| record.topic.clone()).collect();
        let results = if self.is_closed.load(Ordering::Relaxed) {
            vec![Err(PublishError::Closed); records.len()]
        } else {
            self.route(records, started + self.publish_timeout).await
        };
        for (topic, result) in topics.iter().zip(&results) {
            self.metrics.count(topic, outcome_word(result));
        }
        self.metrics
            .seconds
            .observe(started.elapsed().as_secs_f64());
        results
    }

    /// Decides between Kafka and the spool, and spools what Kafka does not confirm.
    async fn route(
        &self,
        records: Vec<Record>,
        deadline: Instant,
    ) -> Vec<Result<Receipt, PublishError>> {
        let mut results: Vec<Option<Result<Receipt, PublishError>>> =
            (records.iter()).map(|record| self.refuse(record)).collect();
        let through_spool =
            (self.spool.as_ref()).is_some_and(|spool| !spool.is_empty() || self.link.is_away());
        if !through_spool {
            self.send_direct(&records, &mut results, deadline).await;
        }
        let (places, left): (Vec<usize>, Vec<Record>) = (records.into_iter().enumerate())
            .filter(|(place, _)| results[*place].is_none())
            .unzip();
        if !left.is_empty() {
            let spooled = self.spool_all(left).await;
            for (place, result) in places.into_iter().zip(spooled) {
                results[place] = Some(result);
            }
        }
        (results.into_iter())
            .map(|result| result.expect("every record was sent or spooled"))
            .collect()
    }

    fn refuse(&self, record: &Record) -> Option<Result<Receipt, PublishError>> {
        let (bytes, bytes_max) = (record.bytes(), self.record_bytes_max);
        (bytes > bytes_max).then_some(Err(PublishError::TooLarge { bytes, bytes_max }))
    }

    /// Sends to Kafka and fills in what it confirms until the deadline.
    async fn send_direct(
        &self,
        records: &[Record],
        results: &mut [Option<Result<Receipt, PublishError>>],
        deadline: Instant,
    ) {
        let mut places: Vec<usize> = (0..records.len())
            .filter(|place| results[*place].is_none())
            .collect();
        let mut flight = Flight {
            ticket: Some(self.flights.begin(places.len())),
            flights: &self.flights,
        };
        let ticket = flight.ticket.as_mut().expect("taken only when finished");
        let mut sent = 0;
        for (token, place) in places.iter().enumerate() {
            match self
                .send_when_room(&records[*place], ticket.token(token), deadline)
                .await
            {
                Ok(()) => sent += 1,
                // The rest stays behind it, so that the order holds.
                Err(_) => break,
            }
        }
        places.truncate(sent);
        let unsent = Outcome::Failed(rdkafka::types::RDKafkaErrorCode::QueueFull);
        for token in sent..ticket.records() {
            self.flights.land(ticket.token(token), unsent);
        }
        // Late is not wrong: what lands by then counts, and the rest is spooled.
        drop(tokio::time::timeout_at(deadline, ticket.landed()).await);
        let outcomes = flight.finish();
        for (place, outcome) in places.into_iter().zip(outcomes) {
            results[place] = match outcome {
                Some(Outcome::Stored { partition, offset }) => Some(Ok(Receipt::Stored {
                    topic: records[place].topic.clone(),
                    partition,
                    offset,
                })),
                Some(refused) if refused.is_refusal() => Some(Err(PublishError::TooLarge {
                    bytes: records[place].bytes(),
                    bytes_max: self.record_bytes_max,
                })),
                Some(Outcome::Failed(_)) | None => None,
            };
        }
    }

    /// Hands a record to the client, waiting for room in its queue.
    async fn send_when_room(
        &self,
        record: &Record,
        token: usize,
        deadline: Instant,
    ) -> Result<(), NotSent> {
        loop {
            let room = self.flights.room.notified();
            tokio::pin!(room);
            // Registered before the attempt: room that is made in between is not missed.
            room.as_mut().enable();
            match self.link.send(record, token) {
                Err(NotSent::QueueFull) => {
                    if tokio::time::timeout_at(deadline, room).await.is_err() {
                        return Err(NotSent::QueueFull);
                    }
                }
                done => return done,
            }
        }
    }

    async fn spool_all(&self, records: Vec<Record>) -> Vec<Result<Receipt, PublishError>> {
        let count = records.len();
        let Some(spool) = &self.spool else {
            let error = PublishError::Unconfirmed("Kafka has not confirmed it in time".into());
            return vec![Err(error); count];
        };
        match spool.append(records).await {
            Ok(first) => (first..first + count as u64)
                .map(|sequence| Ok(Receipt::Spooled { sequence }))
                .collect(),
            Err(error) => {
                let error = match error {
                    SpoolError::Full(detail) => PublishError::Full(detail),
                    SpoolError::Transient(detail) => PublishError::Unconfirmed(detail),
                    SpoolError::Closed => PublishError::Closed,
                };
                vec![Err(error); count]
            }
        }
    }

    /// Accepts nothing more, gives the spool `patience` to empty itself into Kafka, and stops.
    /// What is left in it follows after the next start.
    pub async fn close(&self, patience: Duration) {
        self.is_closed.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + patience;
        while self.spool.as_ref().is_some_and(|spool| !spool.is_empty()) {
            if Instant::now() >= deadline || self.link.is_away() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.stop();
        let thread = self
            .drainer
            .lock()
            .expect("no code panics with it held")
            .take();
        if let Some(thread) = thread
            && tokio::task::spawn_blocking(move || thread.join())
                .await
                .is_err()
        {
            tracing::warn!("the drain thread did not end cleanly");
        }
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.link.purge();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
        let thread = (self.drainer.get_mut().ok()).and_then(Option::take);
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::warn!("the drain thread did not end cleanly");
        }
    }
}

/// A batch that is given up when its caller goes away, so that the table cannot grow.
struct Flight<'a> {
    ticket: Option<crate::flights::Ticket>,
    flights: &'a Flights,
}

impl Flight<'_> {
    fn finish(mut self) -> Vec<Option<Outcome>> {
        let ticket = self.ticket.take().expect("finished once");
        self.flights.finish(&ticket)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = &self.ticket {
            self.flights.finish(ticket);
        }
    }
}

fn outcome_word(result: &Result<Receipt, PublishError>) -> &'static str {
    match result {
        Ok(Receipt::Stored { .. }) => "stored",
        Ok(Receipt::Spooled { .. }) => "spooled",
        Err(PublishError::TooLarge { .. }) => "too_large",
        Err(PublishError::Full(_)) => "full",
        Err(PublishError::Unconfirmed(_)) => "unconfirmed",
        Err(PublishError::Closed) => "closed",
    }
}
