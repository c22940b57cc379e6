//! What is read, and how fast: starting partitions, holding back, telling Kafka how far the group is.
//!
//! It is apart from polling because all of it is desired state: what is started is what is owned and
//! taken, what is paused is what the lanes cannot hold, and either may be said again at any time.

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
};

use super::{
    polling::Polling,
    rebalance::{is_incremental, lock, log_answer},
};

impl Polling {
    /// Starts these partitions and no others: what was started before and has halted since stops.
    pub(super) fn start(&mut self, ticket: u64, mut partitions: Vec<(String, i32, i64)>) {
        let context = self.consumer.context();
        // What was revoked in the meantime is another member's.
        let owned = lock(&context.owned).clone();
        partitions.retain(|(topic, partition, _)| owned.contains(&(topic.clone(), *partition)));
        self.expected.start(&partitions);
        let mut list = TopicPartitionList::new();
        let mut before = TopicPartitionList::new();
        let mut started = lock(&context.started);
        for (topic, partition) in std::mem::take(&mut *started) {
            before.add_partition(&topic, partition);
        }
        for (topic, partition, offset) in &partitions {
            let offset = Offset::Offset(*offset);
            log_answer(
                "start",
                list.add_partition_offset(topic, *partition, offset),
            );
            started.insert((topic.clone(), *partition));
        }
        drop(started);
        let outcome = if is_incremental(&self.consumer) {
            let stopped = self.consumer.incremental_unassign(&before);
            stopped.and_then(|()| self.consumer.incremental_assign(&list))
        } else {
            self.consumer.assign(&list)
        };
        log_answer("start", outcome);
        for (topic, partition, _) in &partitions {
            self.stamp(topic, *partition, ticket);
            self.told.forget(topic, *partition);
        }
        // A pause of the application survives a new assignment in librdkafka, so what is paused is
        // said anew: nothing, until the watermarks say otherwise.
        self.paused.clear();
        log_answer("resume", self.consumer.resume(&list));
        // At once: producers ask which version whoever has these partitions reads.
        self.commit();
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
    pub(super) fn hold_back(&mut self) {
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

    /// Tells Kafka how far this member is and what it reads.
    pub(super) fn commit(&mut self) {
        let positions = self.status.positions();
        if let Some(news) = self.told.news(&positions) {
            match self.consumer.commit(&news, CommitMode::Async) {
                Ok(()) => self.told.told(positions),
                Err(error) => tracing::debug!(%error, "positions not told to kafka"),
            }
        }
    }
}

/// The lane of a shard.
pub(crate) fn lane_of(shard: i32, lanes: usize) -> usize {
    usize::try_from(shard).unwrap_or_default() % lanes
}
