//! The thread that sends the spool to Kafka, in order. It hands over a chunk, waits until all of
//! it is confirmed, however long that takes, and only then moves the position.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::flights::{Flights, Outcome};
use crate::kafka::{Link, NotSent};
use crate::metrics::Metrics;
use crate::spool::{Chunk, Drain, Entry};

/// How long the thread waits before it looks whether it is to stop.
const ATTENTION: Duration = Duration::from_millis(100);
/// How long a full client queue is left alone.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);
/// How long a failing broker is left alone, at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(crate) struct Drainer {
    pub(crate) drain: Drain,
    pub(crate) link: Arc<Link>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Drainer {
    pub(crate) fn start(mut self) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name("spool-drain".into())
            .spawn(move || self.run())
    }

    fn run(&mut self) {
        let mut pause = ATTENTION;
        while !self.is_stopped() {
            match self.drain.next_chunk() {
                Ok(Some(chunk)) => {
                    if self.deliver(&chunk) {
                        self.drain.confirm(&chunk);
                    }
                    pause = ATTENTION;
                }
                Ok(None) if self.drain.is_closed() => return,
                Ok(None) => self.drain.wait(ATTENTION),
                Err(error) => {
                    tracing::error!(%error, "read the spool");
                    self.pause(&mut pause);
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sends a chunk until all of it is confirmed or set aside; false when told to stop before.
    fn deliver(&mut self, chunk: &Chunk) -> bool {
        let mut pause = ATTENTION;
        let mut waiting: Vec<&Entry> = chunk.entries.iter().collect();
        while !waiting.is_empty() {
            if self.is_stopped() {
                return false;
            }
            let Some(outcomes) = self.attempt(&waiting) else {
                return false;
            };
            let mut failed = Vec::new();
            for (entry, outcome) in waiting.iter().zip(outcomes) {
                match outcome {
                    Some(Outcome::Stored { .. }) => self.metrics.drained.inc(),
                    Some(refused) if refused.is_refusal() && self.set_aside(entry, refused) => {}
                    Some(_) | None => failed.push(*entry),
                }
            }
            if !failed.is_empty() {
                tracing::warn!(
                    records = failed.len(),
                    "the spool is not taken; trying again"
                );
                self.pause(&mut pause);
            }
            waiting = failed;
        }
        true
    }

    /// Hands the entries over and waits for their outcomes; none when told to stop.
    fn attempt(&self, entries: &[&Entry]) -> Option<Vec<Option<Outcome>>> {
        let ticket = self.flights.begin(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            loop {
                match self.link.send(&entry.record, ticket.token(place)) {
                    Ok(()) => break,
                    Err(NotSent::QueueFull) if !self.is_stopped() => {
                        std::thread::park_timeout(QUEUE_FULL_PAUSE);
                    }
                    Err(NotSent::QueueFull) => {
                        self.flights.finish(&ticket);
                        return None;
                    }
                    Err(NotSent::Failed(code)) => {
                        (self.flights).land(ticket.token(place), Outcome::Failed(code));
                        break;
                    }
                }
            }
        }
        while !self.flights.wait(&ticket, ATTENTION) {
            if self.is_stopped() {
                self.flights.finish(&ticket);
                return None;
            }
        }
        Some(self.flights.finish(&ticket))
    }

    /// Keeps a record that no broker takes beside the spool, so that those behind it go on.
    fn set_aside(&self, entry: &Entry, refused: Outcome) -> bool {
        tracing::error!(
            sequence = entry.sequence,
            event_id = entry.record.event_id,
            ?refused,
            "no broker takes this accepted record: it was set aside"
        );
        match self.drain.set_aside(entry) {
            Ok(()) => {
                self.metrics.set_aside.inc();
                true
            }
            Err(error) => {
                tracing::error!(%error, "set a refused record aside");
                false
            }
        }
    }

    fn pause(&self, pause: &mut Duration) {
        let mut left = *pause;
        while !left.is_zero() && !self.is_stopped() {
            let step = left.min(ATTENTION);
            std::thread::park_timeout(step);
            left -= step;
        }
        *pause = (*pause * 2).min(PAUSE_MAX);
    }
}
