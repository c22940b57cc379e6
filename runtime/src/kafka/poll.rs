//! The one thread that owns the consumer: it polls, pauses, resumes, answers rebalances and closes.
//!
//! Rebalance events arrive inside `poll` and are answered there, in order. An assignment is first
//! answered with nothing: which offsets to start at is the database's to say, and it may be away for
//! longer than the group would wait. The member keeps its place by polling, and the partitions are
//! assigned once the shards are taken. A revocation blocks the thread until the lanes have let go,
//! or the drain time-out has passed; the epochs protect what comes later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as std_mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    statistics::Statistics,
    types::RDKafkaRespErr,
};
use tokio::sync::mpsc;

use super::{copy, options};
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
    /// A partition cannot be read from where it should.
    Halted {
        topic: String,
        partition: i32,
        reason: String,
    },
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
            committed: BTreeMap::new(),
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
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

struct Context {
    events: mpsc::UnboundedSender<PollEvent>,
    /// What the group has given to this member.
    owned: Mutex<BTreeSet<(String, i32)>>,
    /// What of it is being read.
    started: Mutex<BTreeSet<(String, i32)>>,
    drain_timeout: Duration,
    status: Arc<Status>,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(error = %error, reason, "kafka client");
    }

    /// The ends of the partitions, as the last fetches have seen them: what lag is measured by.
    fn stats(&self, statistics: Statistics) {
        let owned = lock(&self.owned).clone();
        for (topic, of_topic) in &statistics.topics {
            for (partition, of_partition) in &of_topic.partitions {
                let is_owned = owned.contains(&(topic.clone(), *partition));
                if is_owned && of_partition.hi_offset >= 0 {
                    self.status
                        .set_end(topic, *partition, of_partition.hi_offset);
                }
            }
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions = partitions(list);
        let incremental = is_incremental(consumer);
        self.status.rebalanced();
        if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let nothing = TopicPartitionList::new();
            let answered = if incremental {
                consumer.incremental_assign(&nothing)
            } else {
                consumer.assign(&nothing)
            };
            log_answer("assign", answered);
            lock(&self.owned).extend(partitions.iter().cloned());
            drop(self.events.send(PollEvent::Assigned { partitions }));
        } else {
            let lost = consumer.assignment_lost();
            self.drain(&partitions, lost);
            let started = self.forget(&partitions);
            let answered = if incremental {
                consumer.incremental_unassign(&started)
            } else {
                consumer.unassign()
            };
            log_answer("unassign", answered);
        }
    }
}

impl Context {
    fn drain(&self, partitions: &[(String, i32)], lost: bool) {
        let (done, drained) = std_mpsc::sync_channel(0);
        let event = PollEvent::Revoked {
            partitions: partitions.to_vec(),
            lost,
            done,
        };
        if self.events.send(event).is_ok() {
            // Disconnected is the answer: the lanes dropped their end once they had let go.
            let outcome = drained.recv_timeout(self.drain_timeout);
            if outcome == Err(std_mpsc::RecvTimeoutError::Timeout) {
                tracing::warn!("revocation not drained in time; the epochs fence what is left");
            }
        }
    }

    fn forget(&self, partitions: &[(String, i32)]) -> TopicPartitionList {
        let (mut owned, mut started) = (lock(&self.owned), lock(&self.started));
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            owned.remove(partition);
            if started.remove(partition) {
                list.add_partition(&partition.0, partition.1);
            }
        }
        list
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Sets of partitions, changed one at a time: a poisoned lock guards sound state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_incremental(consumer: &BaseConsumer<Context>) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}

fn log_answer(answer: &str, outcome: Result<(), KafkaError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, answer, "rebalance could not be answered");
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<(String, i32)> {
    if list.count() == 0 {
        return Vec::new();
    }
    let elements = list.elements();
    elements
        .iter()
        .map(|one| (one.topic().to_owned(), one.partition()))
        .collect()
}

struct Polling {
    consumer: BaseConsumer<Context>,
    intakes: Vec<Arc<Intake>>,
    commanded: std_mpsc::Receiver<Command>,
    events: mpsc::UnboundedSender<PollEvent>,
    status: Arc<Status>,
    /// Per topic and partition, the ticket under which it was started.
    tickets: Vec<(Arc<str>, Vec<u64>)>,
    paused: BTreeSet<usize>,
    committed: BTreeMap<(String, i32), i64>,
    commit_interval: Duration,
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
                    let (ticket, record) = stamped(&message, &self.tickets);
                    let lane = lane_of(record.at.partition, self.intakes.len());
                    batches[lane].push(Polled {
                        ticket,
                        record: Arc::new(record),
                    });
                }
                Some(Err(error)) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        for (intake, batch) in self.intakes.iter().zip(&mut batches) {
            if !batch.is_empty() {
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
                self.report_halted(error);
            }
            _ => tracing::warn!(%error, "poll"),
        }
        true
    }

    /// The error names no partition, so every partition whose position left its topic is looked for.
    fn report_halted(&self, error: &KafkaError) {
        let started = lock(&self.consumer.context().started).clone();
        let positions = self.consumer.position().unwrap_or_default();
        for (topic, partition) in started {
            let position = positions
                .find_partition(&topic, partition)
                .map(|one| one.offset());
            let watermarks =
                self.consumer
                    .fetch_watermarks(&topic, partition, Duration::from_secs(2));
            let (Some(Offset::Offset(position)), Ok((low, high))) = (position, watermarks) else {
                continue;
            };
            if position < low || position > high {
                let reason = format!("position {position} is outside of {low}..{high} ({error})");
                drop(self.events.send(PollEvent::Halted {
                    topic,
                    partition,
                    reason,
                }));
            }
        }
    }

    fn start(&mut self, ticket: u64, mut partitions: Vec<(String, i32, i64)>) {
        let context = self.consumer.context();
        // What was revoked in the meantime is another member's.
        let owned = lock(&context.owned).clone();
        partitions.retain(|(topic, partition, _)| owned.contains(&(topic.clone(), *partition)));
        let mut list = TopicPartitionList::new();
        let mut again = TopicPartitionList::new();
        let mut started = lock(&context.started);
        for (topic, partition, offset) in &partitions {
            let offset = Offset::Offset(*offset);
            log_answer(
                "start",
                list.add_partition_offset(topic, *partition, offset),
            );
            if !started.insert((topic.clone(), *partition)) {
                again.add_partition(topic, *partition);
            }
        }
        drop(started);
        let outcome = if is_incremental(&self.consumer) {
            let stopped = self.consumer.incremental_unassign(&again);
            stopped.and_then(|()| self.consumer.incremental_assign(&list))
        } else {
            self.consumer.assign(&list)
        };
        log_answer("start", outcome);
        for (topic, partition, _) in &partitions {
            self.stamp(topic, *partition, ticket);
        }
        // A pause of the application survives a new assignment in librdkafka, so what is paused is
        // said anew: nothing, until the watermarks say otherwise.
        self.paused.clear();
        log_answer("resume", self.consumer.resume(&list));
    }

    fn stamp(&mut self, topic: &str, partition: i32, ticket: u64) {
        let known = self
            .tickets
            .iter_mut()
            .find(|(known, _)| known.as_ref() == topic);
        if let (Some((_, tickets)), Ok(index)) = (known, usize::try_from(partition)) {
            if tickets.len() <= index {
                tickets.resize(index + 1, 0);
            }
            tickets[index] = ticket;
        }
    }

    /// Pauses the partitions of lanes that hold too much, resumes those of lanes with room.
    fn hold_back(&mut self) {
        for lane in 0..self.intakes.len() {
            let intake = &self.intakes[lane];
            let is_paused = self.paused.contains(&lane);
            if !is_paused && intake.is_full() {
                self.paused.insert(lane);
                log_answer("pause", self.consumer.pause(&self.partitions_of(lane)));
            } else if is_paused && intake.has_room() {
                self.paused.remove(&lane);
                log_answer("resume", self.consumer.resume(&self.partitions_of(lane)));
            }
        }
    }

    fn partitions_of(&self, lane: usize) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in lock(&self.consumer.context().started).iter() {
            if lane_of(*partition, self.intakes.len()) == lane {
                list.add_partition(topic, *partition);
            }
        }
        list
    }

    /// Tells Kafka how far the group is, for lag tools and autoscalers; nobody reads it back.
    fn commit(&mut self) {
        let positions = self.status.positions();
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset) in &positions {
            let known = self.committed.get(&(topic.clone(), *partition));
            if known != Some(offset) {
                let added = list.add_partition_offset(topic, *partition, Offset::Offset(*offset));
                log_answer("commit", added);
            }
        }
        if list.count() > 0 {
            match self.consumer.commit(&list, CommitMode::Async) {
                Ok(()) => self.committed = positions,
                Err(error) => tracing::debug!(%error, "positions not told to kafka"),
            }
        }
    }
}

/// The lane of a shard.
pub(crate) fn lane_of(shard: i32, lanes: usize) -> usize {
    usize::try_from(shard).unwrap_or_default() % lanes
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
