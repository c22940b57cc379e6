//! The one thread that owns the consumer: what it is told, what it tells, and how it begins.
//!
//! What it does turn by turn is in `polling`; what it answers when partitions are given or taken is in
//! `rebalance`; what it starts, pauses and commits is in `flow`. All of it runs on this thread.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc as std_mpsc},
    thread::JoinHandle,
};

use rdkafka::error::KafkaError;
use tokio::sync::mpsc;

use super::{damage::Expected, joining::Joining, polling::Polling, told::Told};
use crate::{config::Config, intake::Intake, status::Status};

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
    /// Records of a partition are damaged; the Rust client passes on no partition. What came before them was
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
        let mut joining = Joining::new(config, group, topics, events.clone(), Arc::clone(&status));
        let consumer = joining.join()?;
        let polling = Polling {
            joining,
            consumer,
            intakes,
            commanded,
            events,
            status,
            tickets: (topics.iter())
                .map(|topic| (Arc::from(topic.as_str()), vec![]))
                .collect(),
            paused: BTreeSet::new(),
            expected: Expected::default(),
            told: Told::new(config.reader_version),
            reader_version: config.reader_version,
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
    #[cfg(debug_assertions)]
    pub(crate) fn simulated() -> (Self, std_mpsc::Receiver<Command>) {
        let (commands, commanded) = std_mpsc::channel();
        let thread = None;
        (Self { commands, thread }, commanded)
    }
}
