//! The one thread that owns the consumer: it polls, hands over what it has polled, and closes.
//!
//! What it answers when partitions are given or taken is in `rebalance`; what it starts, pauses and
//! commits is in `flow`. Both run on this thread, between two polls or inside one.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc as std_mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use failpoints::Step;
use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use tokio::sync::mpsc;

use super::{
    copy,
    damage::{Expected, is_damage},
    flow::lane_of,
    options,
    rebalance::Context,
    told::Told,
};
use crate::{
    config::Config,
    intake::{Intake, Polled},
    record::Record,
    status::Status,
};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// The shards of an assignment are taken: start reading, each partition at its offset.
    Start {
        ticket: u64,
        partitions: Vec<(String, i32, i64)>,
    },
    /// Drain, close and end.
    Stop,
}

/// What the thread tells.
#[derive(Debug)]
pub(crate) enum PollEvent {
    /// Partitions were given to this member.
    Assigned { partitions: Vec<(String, i32)> },
    /// Partitions are taken from this member. The thread waits until `done` is dropped.
    Revoked {
        partitions: Vec<(String, i32)>,
        lost: bool,
        done: std_mpsc::SyncSender<()>,
    },
    /// A partition cannot be read from where it should; Kafka does not say which. With it comes how
    /// far each was polled before.
    OutOfRange { polled: Vec<(String, i32, i64)> },
    /// Records of a partition are damaged; the client does not say of which. What came before them was
    /// handed over, this far in each, and nothing behind.
    Damaged { polled: Vec<(String, i32, i64)> },
    /// The client cannot go on; the process must end.
    Fatal(String),
}

/// A running poll thread.
pub(crate) struct PollThread {
    commands: std_mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl PollThread {
    /// Starts the thread. `intakes[shard % lanes]` is where a shard's records go.
    pub(crate) fn start(
        config: &Config,
        group: &str,
        topics: &[String],
        intakes: Vec<Arc<Intake>>,
        status: Arc<Status>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<PollEvent>), KafkaError> {
        let (events, received) = mpsc::unbounded_channel();
        let (commands, commanded) = std_mpsc::channel();
        let context = Context {
            events: events.clone(),
            owned: Mutex::default(),
            started: Mutex::default(),
            drain_timeout: config.drain_timeout,
            status: Arc::clone(&status),
        };
        let consumer: BaseConsumer<Context> =
            options::consumer(config, group).create_with_context(context)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names)?;
        let polling = Polling {
            consumer,
            intakes,
            commanded,
            events,
            status,
            tickets: topics
                .iter()
                .map(|topic| (Arc::from(topic.as_str()), vec![]))
                .collect(),
            paused: BTreeSet::new(),
            expected: Expected::default(),
            told: Told::new(config.reader_version),
            commit_interval: config.commit_interval,
        };
        let thread = std::thread::Builder::new()
            .name(format!("{group}-poll"))
            .spawn(move || polling.run())
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok((
            Self {
                commands,
                thread: Some(thread),
            },
            received,
        ))
    }

    /// Tells the thread; a thread that has ended needs no telling.
    pub(crate) fn tell(&self, command: Command) {
        drop(self.commands.send(command));
    }

    /// Whether the thread has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// In place of a thread: whoever receives these commands does what it would do.
    pub(crate) fn simulated() -> (Self, std_mpsc::Receiver<Command>) {
        let (commands, commanded) = std_mpsc::channel();
        let thread = None;
        (Self { commands, thread }, commanded)
    }
}

/// The thread's own state.
pub(super) struct Polling {
    pub(super) consumer: BaseConsumer<Context>,
    pub(super) intakes: Vec<Arc<Intake>>,
    pub(super) commanded: std_mpsc::Receiver<Command>,
    pub(super) events: mpsc::UnboundedSender<PollEvent>,
    pub(super) status: Arc<Status>,
    /// Per topic and partition, the ticket under which it was started.
    pub(super) tickets: Vec<(Arc<str>, Vec<u64>)>,
    pub(super) paused: BTreeSet<usize>,
    pub(super) expected: Expected,
    pub(super) told: Told,
    pub(super) commit_interval: Duration,
}

/// How many records are handed to the lanes at a time.
const HAND_OVER_RECORDS: usize = 512;
/// How long one poll waits when there is nothing: the pause before commands are looked at.
const POLL_WAIT: Duration = Duration::from_millis(10);

impl Polling {
    fn run(mut self) {
        let mut last_commit = Instant::now();
        loop {
            self.status.polled();
            match self.commanded.try_recv() {
                Ok(Command::Start { ticket, partitions }) => self.start(ticket, partitions),
                Ok(Command::Stop) | Err(std_mpsc::TryRecvError::Disconnected) => break,
                Err(std_mpsc::TryRecvError::Empty) => {}
            }
            if !self.poll() {
                return;
            }
            self.hold_back();
            if last_commit.elapsed() >= self.commit_interval {
                last_commit = Instant::now();
                self.commit();
            }
        }
        // Unsubscribing revokes through the callback, which drains; then the member leaves.
        self.commit();
        self.consumer.unsubscribe();
        let leaving = Instant::now();
        while leaving.elapsed() < Duration::from_secs(1) && self.has_assignment() {
            drop(self.consumer.poll(POLL_WAIT));
        }
    }

    fn has_assignment(&self) -> bool {
        self.consumer
            .assignment()
            .is_ok_and(|list| list.count() > 0)
    }

    /// Polls until there is nothing at hand or enough to hand over; false when the client is dead.
    fn poll(&mut self) -> bool {
        let mut batches: Vec<Vec<Polled>> = vec![Vec::new(); self.intakes.len()];
        let mut failure = None;
        for polls in 0..HAND_OVER_RECORDS {
            let wait = if polls == 0 {
                POLL_WAIT
            } else {
                Duration::ZERO
            };
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let at = (message.topic(), message.partition(), message.offset());
                    if !self.expected.admits(at.0, at.1, at.2) {
                        continue;
                    }
                    let (ticket, record) = stamped(&message, &self.tickets);
                    let lane = lane_of(record.at.partition, self.intakes.len());
                    batches[lane].push(Polled {
                        ticket,
                        record: Arc::new(record),
                    });
                }
                Some(Err(error)) => {
                    // At once: the next record may lie behind it.
                    if is_damage(&error) {
                        report_damage(&mut self.expected, &self.events, &error);
                    }
                    failure = Some(error);
                    break;
                }
            }
        }
        for (intake, batch) in self.intakes.iter().zip(&mut batches) {
            if !batch.is_empty() {
                failpoints::at(Step::Fetched);
                intake.push_all(batch);
            }
        }
        failure.is_none_or(|error| self.survives(&error))
    }

    /// Whether the client goes on after an error. Brokers that are away, rebalances and a missing
    /// topic pass by themselves.
    fn survives(&self, error: &KafkaError) -> bool {
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            let text = format!("{code}: {reason}");
            drop(self.events.send(PollEvent::Fatal(text)));
            return false;
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.report_out_of_range(error);
            }
            _ if is_damage(error) => {}
            _ => tracing::warn!(%error, "poll"),
        }
        true
    }

    /// The error names no partition, and the client has stopped that partition by itself: which it
    /// is, is found out by whoever takes the shards again, once what was polled is done with.
    fn report_out_of_range(&self, error: &KafkaError) {
        tracing::warn!(%error, "a position is outside of its topic");
        let polled = self.expected.handed_over();
        drop(self.events.send(PollEvent::OutOfRange { polled }));
    }
}

/// Says it once, until the partitions are started anew.
fn report_damage(
    expected: &mut Expected,
    events: &mpsc::UnboundedSender<PollEvent>,
    error: &KafkaError,
) {
    if expected.suspect() {
        tracing::error!(%error, "records are damaged");
        let polled = expected.handed_over();
        drop(events.send(PollEvent::Damaged { polled }));
    }
}

/// The record, and the ticket under which its partition was started: the records of an earlier
/// start are told apart by it.
fn stamped(message: &BorrowedMessage<'_>, tickets: &[(Arc<str>, Vec<u64>)]) -> (u64, Record) {
    let topic = message.topic();
    let known = tickets.iter().find(|(known, _)| known.as_ref() == topic);
    let index = usize::try_from(message.partition()).unwrap_or(usize::MAX);
    let ticket = known
        .and_then(|(_, tickets)| tickets.get(index))
        .copied()
        .unwrap_or(0);
    let topic = known.map_or_else(|| Arc::from(topic), |(known, _)| Arc::clone(known));
    (ticket, copy::record(message, topic))
}
