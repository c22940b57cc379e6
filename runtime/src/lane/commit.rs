//! One transaction per batch: load, decide, write, fence, commit. The number of statements depends
//! on the number of tables, not on the size of the batch.

mod write;

use std::collections::{BTreeMap, BTreeSet};

use failpoints::Step;

use super::{
    changes::{Changes, Surroundings},
    decide::{self, Read},
    items::Item,
};
use crate::{
    bookkeeping::{
        parking::{Draft, ParkingChanges},
        rows::TaskRow,
        shard::Shard,
        statements,
    },
    group::Group,
    rows::Rows,
    store::{Cells, Mode, Store, StoreError, Transaction},
};

/// Why a batch was not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// A shard has another owner: drop it.
    Fenced,
    /// The share of dead letters would exceed its limit: nothing was written.
    TooManyDeadLetters,
    /// The database.
    Store(StoreError),
}

impl From<StoreError> for BatchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a batch has done, for the lane to carry on with.
pub(crate) struct Committed {
    pub(crate) changes: Changes,
    /// The tasks that did not exist before.
    pub(crate) started_tasks: Vec<TaskRow>,
    pub(crate) parked: BTreeMap<i32, ParkingChanges>,
    /// The fence as it was written: shard, epoch, next sequence, watermark.
    pub(crate) fence: Vec<(i32, i64, i64, i64)>,
    pub(crate) items: Vec<Item>,
    pub(crate) statements: u64,
}

/// A batch that is written, and not committed yet.
pub(crate) struct Written {
    pub(crate) committed: Committed,
    transaction: Box<dyn Transaction>,
}

impl Written {
    /// Commits it. A [`StoreError::Transient`] says nothing of the outcome, which must be read.
    pub(crate) async fn commit(self) -> Result<Committed, BatchError> {
        failpoints::at(Step::Fenced);
        self.transaction.commit().await?;
        failpoints::at(Step::Committed);
        Ok(self.committed)
    }
}

/// What a batch runs on.
pub(crate) struct Batch<'a, G> {
    pub(crate) group: &'a G,
    pub(crate) store: &'a dyn Store,
    pub(crate) around: Surroundings<'a>,
    /// Task rows whose attempt count or back-off changed.
    pub(crate) retried: Vec<TaskRow>,
    /// Shards whose watermark moved, to be stored along.
    pub(crate) watermarks: Vec<i32>,
    /// Whether the batch may be written, given its records and dead letters.
    pub(crate) allowed: &'a (dyn Fn(u32, u32) -> bool + Sync),
    /// Set when the database refuses the inputs: they are set aside, with what it said.
    pub(crate) refused: Option<&'a str>,
    /// Told that the lane moves, and whether it waits for the database from now on.
    pub(crate) beat: &'a (dyn Fn(bool) + Sync),
}

impl<G: Group> Batch<'_, G> {
    /// Runs the batch up to its commit. On any error nothing of it was written.
    pub(crate) async fn write(self, items: Vec<Item>) -> Result<Written, BatchError> {
        // Before the transaction: reading may ask the registry, and would hold its locks meanwhile.
        let mut inputs =
            off_the_loop(|| decide::read_all(self.group, items, self.around.partitions));
        failpoints::at(Step::Decoded);
        (self.beat)(true);
        let mut transaction = self.store.begin(Mode::Write).await?;
        failpoints::at(Step::Begun);
        let mut rows = G::Rows::default();
        if self.refused.is_none() {
            (self.load(&mut rows, &mut inputs, transaction.as_mut())).await?;
        }
        let mut parked: BTreeMap<i32, Draft<'_>> = (self.around.shards.iter())
            .map(|(number, shard)| (*number, Draft::of(&shard.parked)))
            .collect();
        (self.beat)(false);
        let verdicts = match self.refused {
            None => decide::decide_all(self.group, &mut rows, &inputs, &mut parked, &self.around),
            Some(why) => decide::refused_by_store(why, &inputs, &mut parked),
        };
        // Rows shared with other shards are locked from here to the commit: the database writes
        // while this side works out what else follows.
        (self.beat)(true);
        rows.write(transaction.as_mut()).await?;
        failpoints::at(Step::RowsWritten);
        let mut changes = Changes::of(&inputs, verdicts, &self.around);
        if changes.set_aside > 0 && !(self.allowed)(changes.records, changes.set_aside) {
            return Err(BatchError::TooManyDeadLetters);
        }
        let answered: BTreeSet<String> = changes
            .updated_tasks
            .iter()
            .map(|row| row.task_id.clone())
            .collect();
        let retried = self
            .retried
            .iter()
            .filter(|row| !answered.contains(&row.task_id));
        changes.retried_tasks.extend(retried.cloned());
        let (mut transaction, started_tasks) =
            write::write_all(&changes, self.store, transaction).await?;
        let fence = self.fence(&inputs, &changes);
        let held = transaction
            .execute(&statements::FENCE, fence_cells(&fence))
            .await?;
        let is_held = usize::try_from(held).ok() == Some(fence.len());
        if !(is_held || mutants::on("epoch-check-off")) {
            return Err(BatchError::Fenced);
        }
        let statements = transaction.statements() + 1;
        let items = inputs.into_iter().map(|input| input.item).collect();
        let parked = parked.into_iter();
        let parked = parked.map(|(number, draft)| (number, draft.into_changes()));
        let committed = Committed {
            changes,
            started_tasks,
            parked: parked.collect(),
            fence,
            items,
            statements,
        };
        Ok(Written {
            committed,
            transaction,
        })
    }

    async fn load(
        &self,
        rows: &mut G::Rows,
        inputs: &mut [Read<G::Event>],
        transaction: &mut dyn Transaction,
    ) -> Result<(), StoreError> {
        let keys = decide::name_rows(inputs, |event, keys| self.group.touches(event, keys));
        rows.load(&keys, transaction).await?;
        let more = decide::name_rows(inputs, |event, keys| {
            self.group.touches_after(rows, event, keys);
        });
        rows.load(&more, transaction).await
    }

    /// The fence covers every shard that the batch writes for: those of the inputs that it
    /// finishes, with whatever follows from them, those whose tasks were tried, and those whose
    /// watermark moved.
    fn fence(&self, inputs: &[Read<G::Event>], changes: &Changes) -> Vec<(i32, i64, i64, i64)> {
        let finished = inputs.iter().enumerate();
        let finished = finished.filter(|(index, _)| !changes.later.contains(index));
        let of_tasks = (changes.updated_tasks.iter())
            .chain(&changes.retried_tasks)
            .map(|row| row.shard);
        let numbers: BTreeSet<i32> = finished
            .map(|(_, input)| input.item.shard)
            .chain(of_tasks)
            .chain(self.watermarks.iter().copied())
            .collect();
        let fence = |number: i32| {
            // A shard that is not here any more is fenced by an epoch that cannot hold.
            let shard = self.around.shards.get(&number);
            let (epoch, next, watermark) = shard.map_or((-1, 1, 0), |shard| {
                (
                    shard.epoch,
                    shard.outbox.next_sequence(),
                    shard.outbox.watermark(),
                )
            });
            (
                number,
                epoch,
                *changes.next_sequences.get(&number).unwrap_or(&next),
                watermark,
            )
        };
        numbers.into_iter().map(fence).collect()
    }
}

/// Runs what may block, without holding up the other tasks of this thread where that is possible.
fn off_the_loop<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn fence_cells(fence: &[(i32, i64, i64, i64)]) -> Vec<Cells> {
    vec![
        Cells::longs(fence.iter().map(|one| i64::from(one.0))),
        Cells::longs(fence.iter().map(|one| one.1)),
        Cells::longs(fence.iter().map(|one| one.2)),
        Cells::longs(fence.iter().map(|one| one.3)),
    ]
}

/// The changes of a committed batch, applied to the shards in memory.
pub(crate) fn settle(shards: &mut BTreeMap<i32, Shard>, committed: &mut Committed) {
    for ((topic, partition), position) in &committed.changes.positions {
        if let Some(shard) = shards.get_mut(partition) {
            shard.positions.insert(topic.clone(), position.clone());
        }
    }
    for (number, parked) in std::mem::take(&mut committed.parked) {
        if let Some(shard) = shards.get_mut(&number) {
            shard.parked.apply(parked);
        }
    }
    for task in std::mem::take(&mut committed.started_tasks) {
        if let Some(shard) = shards.get_mut(&task.shard) {
            shard.tasks.written(task);
        }
    }
    for task in &committed.changes.updated_tasks {
        if let Some(shard) = shards.get_mut(&task.shard) {
            shard.tasks.finished(task.sequence);
        }
    }
    for (entry, _) in &committed.changes.journal {
        if let Some(shard) = shards.get_mut(&entry.shard) {
            shard.outbox.published(entry.sequence);
        }
    }
    for (number, _, next_sequence, watermark) in &committed.fence {
        if let Some(shard) = shards.get_mut(number) {
            shard.outbox.committed(*next_sequence, *watermark);
        }
    }
}

#[cfg(test)]
mod tests;
