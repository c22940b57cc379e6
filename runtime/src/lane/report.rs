//! What a lane tells of itself: that it moves, and where its shards stand.
//!
//! Separate from what it does: nothing here changes what becomes of a record.

use super::{Lane, backlog::Backlog};
use crate::{bookkeeping::shard::Shard, group::Group, status::ShardStatus, task::Worker};

impl<G: Group, W: Worker> Lane<G, W> {
    /// Says that the lane moves, and whether it waits for something from now on.
    pub(super) fn beat(&self, waits: bool) {
        self.shared.status.lane_turned(self.number, waits);
    }

    /// Shows where a shard stands.
    pub(super) fn report_shard(&self, shard: &Shard) {
        self.shared.status.set_shard(
            shard.shard,
            ShardStatus {
                epoch: shard.epoch,
                unpublished: shard.outbox.unacknowledged(),
                tasks: shard.tasks.len(),
                oldest_task_at: shard.tasks.oldest_created_at(),
                parked_keys: shard.parked.len(),
                timer_held_since: (self.backlogs.get(&shard.shard)).and_then(Backlog::held_since),
            },
        );
        for position in shard.positions.values() {
            let (topic, partition) = (&position.topic, position.partition);
            self.shared
                .status
                .set_position(topic, partition, position.next_offset);
        }
    }
}
