//! A member of a consumer group that answers every assignment with nothing, as the runtime does while it
//! takes its shards, and is told later where to start.

use std::{
    collections::BTreeSet,
    sync::Mutex,
    time::{Duration, Instant},
};

use harness::Broker;
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

/// How long a member may be silent before the group goes on without it.
pub(super) const SESSION: Duration = Duration::from_secs(6);
/// Long enough for a rebalance on a loaded machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(20);

/// A topic and a partition.
pub(super) type Place = (String, i32);

/// What a member was told by its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// These partitions are its own.
    Assigned(BTreeSet<Place>),
    /// They no longer are.
    Revoked { is_lost: bool },
}

#[derive(Debug, Default)]
pub(super) struct Deferring {
    told: Mutex<Vec<Told>>,
}

impl ClientContext for Deferring {}

impl ConsumerContext for Deferring {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let told = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            consumer.assign(&TopicPartitionList::new()).unwrap();
            Told::Assigned(places(partitions))
        } else {
            let is_lost = consumer.assignment_lost();
            consumer.unassign().unwrap();
            Told::Revoked { is_lost }
        };
        self.told.lock().unwrap().push(told);
    }
}

/// A record that a member received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

pub(super) struct Member {
    pub(super) consumer: BaseConsumer<Deferring>,
    pub(super) received: Vec<Received>,
    pub(super) errors: Vec<KafkaError>,
}

impl Member {
    pub(super) fn join(broker: &dyn Broker, group: &str, topics: &[&str]) -> Self {
        let session_ms = SESSION.as_millis().to_string();
        let consumer: BaseConsumer<Deferring> = ClientConfig::new()
            .set("bootstrap.servers", broker.bootstrap())
            .set("group.id", group)
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", session_ms)
            .set("heartbeat.interval.ms", "300")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "50")
            .create_with_context(Deferring::default())
            .unwrap();
        consumer.subscribe(topics).unwrap();
        Self {
            consumer,
            received: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Polls once, and keeps what comes.
    pub(super) fn poll(&mut self) {
        match self.consumer.poll(POLL) {
            Some(Ok(record)) => self.received.push(Received {
                partition: record.partition(),
                offset: record.offset(),
            }),
            Some(Err(error)) => self.errors.push(error),
            None => {}
        }
    }

    /// Polls for a given time, which nothing but time can end.
    pub(super) fn poll_for(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.poll();
        }
    }

    /// Polls until the condition holds.
    pub(super) fn poll_until(&mut self, awaited: &str, condition: impl Fn(&Self) -> bool) {
        poll_all_until(&mut [self], awaited, |members| condition(&*members[0]));
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.consumer.context().told.lock().unwrap().clone()
    }

    /// The partitions that are its own now, as far as it was told.
    pub(super) fn owned(&self) -> BTreeSet<Place> {
        match self.told().pop() {
            Some(Told::Assigned(places)) => places,
            Some(Told::Revoked { .. }) | None => BTreeSet::new(),
        }
    }

    /// Starts its partitions at the offset that `offset` gives.
    pub(super) fn start_at(&self, offset: impl Fn(&Place) -> i64) {
        let mut explicit = TopicPartitionList::new();
        for place in &self.owned() {
            let start = Offset::Offset(offset(place));
            explicit
                .add_partition_offset(&place.0, place.1, start)
                .unwrap();
        }
        self.consumer.assign(&explicit).unwrap();
    }

    /// The offsets received from a partition, in the order in which they came.
    pub(super) fn offsets(&self, partition: i32) -> Vec<i64> {
        let of_partition = self
            .received
            .iter()
            .filter(|record| record.partition == partition);
        of_partition.map(|record| record.offset).collect()
    }
}

/// Polls several members in turn until the condition holds.
pub(super) fn poll_all_until(
    members: &mut [&mut Member],
    awaited: &str,
    condition: impl Fn(&[&mut Member]) -> bool,
) {
    let started = Instant::now();
    while !condition(members) {
        assert!(
            started.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {awaited}; members: {:?}",
            members
                .iter()
                .map(|member| (member.told(), &member.received, &member.errors))
                .collect::<Vec<_>>()
        );
        members.iter_mut().for_each(|member| member.poll());
    }
}

pub(super) fn places(partitions: &TopicPartitionList) -> BTreeSet<Place> {
    let elements = partitions.elements();
    elements
        .iter()
        .map(|element| (element.topic().to_owned(), element.partition()))
        .collect()
}
