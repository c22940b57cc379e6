//! One shard as its owner holds it: everything that the database knows about it, in memory.

use std::collections::BTreeMap;

use super::{
    halts::Halt,
    outbox::Outbox,
    parking::ParkedKeys,
    rows::{JournalEntry, Position, TaskRow},
    task_queue::TaskQueue,
};

/// A shard in its owner's hands. It changes only after the transaction that changes the database
/// has committed, so that it never knows more than the database does.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    /// The shard's number: the partition of all topics that it reads.
    pub(crate) shard: i32,
    /// The epoch under which it was taken; every transaction checks it.
    pub(crate) epoch: i64,
    /// Its outgoing events.
    pub(crate) outbox: Outbox,
    /// How far its topics were read.
    pub(crate) positions: BTreeMap<String, Position>,
    /// Its tasks.
    pub(crate) tasks: TaskQueue,
    /// Its parked keys.
    pub(crate) parked: ParkedKeys,
}

/// What was found in the database when a shard was taken or read again.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The shard's number.
    pub(crate) shard: i32,
    /// Its epoch.
    pub(crate) epoch: i64,
    /// The next number for journal, tasks and parked records.
    pub(crate) next_sequence: i64,
    /// The stored watermark of the journal.
    pub(crate) published_sequence: i64,
    /// Its positions.
    pub(crate) positions: Vec<Position>,
    /// The stops of its partitions, decided ones included.
    pub(crate) halts: Vec<Halt>,
    /// Events behind the watermark, to be published again.
    pub(crate) unpublished: Vec<JournalEntry>,
    /// Tasks without an answer.
    pub(crate) tasks: Vec<TaskRow>,
    /// Whether there are more tasks than were read.
    pub(crate) more_tasks: bool,
    /// Keys and reader versions of its parked records.
    pub(crate) parked: Vec<(Vec<u8>, u32)>,
}

impl Shard {
    /// The shard as it was found, and what it has to publish again.
    #[must_use]
    pub(crate) fn take(found: Found) -> (Self, Vec<JournalEntry>) {
        let unpublished = found.unpublished.iter().map(|entry| entry.sequence);
        let outbox = Outbox::stored(found.next_sequence, found.published_sequence, unpublished);
        let mut tasks = TaskQueue::default();
        tasks.loaded(found.tasks, found.more_tasks);
        let mut parked = ParkedKeys::default();
        for (key, min_reader) in &found.parked {
            parked.park(key, *min_reader);
        }
        let positions = (found.positions.into_iter())
            .map(|position| (position.topic.clone(), position))
            .collect();
        let shard = Self {
            shard: found.shard,
            epoch: found.epoch,
            outbox,
            positions,
            tasks,
            parked,
        };
        (shard, found.unpublished)
    }

    /// Whether a partition of it waits for an operator.
    #[must_use]
    pub(crate) fn has_halted(&self) -> bool {
        self.positions
            .values()
            .any(|position| position.halted.is_some())
    }

    /// Whether a record is still to be read.
    #[must_use]
    pub(crate) fn wants(&self, topic: &str, offset: i64) -> bool {
        self.positions
            .get(topic)
            .is_none_or(|position| position.wants(offset))
    }
}

#[cfg(test)]
impl Shard {
    /// A shard that has read nothing and has tasks.
    pub(crate) fn with_tasks(shard: i32, tasks: TaskQueue) -> Self {
        Self {
            shard,
            epoch: 1,
            outbox: Outbox::stored(1, 0, []),
            positions: BTreeMap::new(),
            tasks,
            parked: ParkedKeys::default(),
        }
    }
}
