//! What the poll thread does turn by turn: it polls, hands over what it has polled, goes on after errors that
//! pass, and leaves the group when it is told to.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc as std_mpsc},
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
    joining::{self, Joining, is_fenced},
    poll::{Command, PollEvent},
    rebalance::Context,
    told::Told,
};
use crate::{
    intake::{Intake, Polled},
    record::Record,
    status::Status,
};

/// The thread's own state.
pub(super) struct Polling {
    pub(super) joining: Joining,
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
    pub(super) reader_version: u32,
    pub(super) commit_interval: Duration,
}

/// How many records are handed to the lanes at a time.
const HAND_OVER_RECORDS: usize = 512;
/// How long one poll waits when there is nothing: the pause before commands are looked at.
const POLL_WAIT: Duration = Duration::from_millis(10);

impl Polling {
    pub(super) fn run(mut self) {
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
            if let Some(why) = is_fenced(&self.consumer)
                && !self.join_anew(&why)
            {
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

    /// Goes on with a new client in place of one that was fenced; false when the thread is to end.
    fn join_anew(&mut self, why: &str) -> bool {
        let wait = self.joining.give_up(&self.consumer, why);
        let until = Instant::now() + wait;
        while Instant::now() < until {
            self.status.polled();
            match self.commanded.recv_timeout(POLL_WAIT) {
                // What was to be started is not this member's any more.
                Ok(Command::Start { .. }) | Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(std_mpsc::RecvTimeoutError::Disconnected) => return false,
            }
        }
        match self.joining.join() {
            Ok(consumer) => joining::close(std::mem::replace(&mut self.consumer, consumer)),
            Err(error) => {
                drop(self.events.send(PollEvent::Fatal(error.to_string())));
                return false;
            }
        }
        self.paused.clear();
        self.expected = Expected::default();
        self.told = Told::new(self.reader_version);
        true
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
        if is_fenced(&self.consumer).is_some() {
            return true;
        }
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
