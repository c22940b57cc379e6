//! What the group says: partitions that are given, and partitions that are taken.
//!
//! Rebalance events arrive inside `poll` and are answered there, in order. An assignment is first
//! answered with nothing: which offsets to start at is the database's to say, and it may be away for
//! longer than the group would wait. The member keeps its place by polling, and the partitions are
//! assigned once the shards are taken. A revocation blocks the thread until the lanes have let go,
//! or the drain time-out has passed; the epochs protect what comes later.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    time::Duration,
};

use failpoints::Step;
use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::KafkaError,
    statistics::Statistics,
    types::RDKafkaRespErr,
};
use tokio::sync::mpsc;

use super::poll::PollEvent;
use crate::status::Status;

/// What the client calls back into, on the poll thread.
pub(super) struct Context {
    events: mpsc::UnboundedSender<PollEvent>,
    /// What the group has given to this member.
    pub(super) owned: Mutex<BTreeSet<(String, i32)>>,
    /// What of it is being read.
    pub(super) started: Mutex<BTreeSet<(String, i32)>>,
    /// Whether this client was given up: what it still says is about what is not its own.
    pub(super) is_over: AtomicBool,
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
        if self.is_over.load(Ordering::Relaxed) {
            log_answer("unassign", consumer.unassign());
            return;
        }
        let partitions = partitions(list);
        let incremental = is_incremental(consumer);
        self.status.rebalanced();
        if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            failpoints::at(Step::Assigned);
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
            failpoints::at(Step::Revoked);
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
    pub(super) fn new(
        events: mpsc::UnboundedSender<PollEvent>,
        drain_timeout: Duration,
        status: Arc<Status>,
    ) -> Self {
        Self {
            events,
            owned: Mutex::default(),
            started: Mutex::default(),
            is_over: AtomicBool::new(false),
            drain_timeout,
            status,
        }
    }

    pub(super) fn drain(&self, partitions: &[(String, i32)], lost: bool) {
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Sets of partitions, changed one at a time: a poisoned lock guards sound state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn is_incremental(consumer: &BaseConsumer<Context>) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}

pub(super) fn log_answer(answer: &str, outcome: Result<(), KafkaError>) {
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
