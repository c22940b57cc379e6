//! One transaction per batch: load, decide, write, fence, commit. The number of statements depends
//! on the number of tables, not on the size of the batch.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    changes::{Changes, Surroundings},
    decide::{self, Read},
    items::Item,
};
use crate::{
    bookkeeping::{
        parking::{Draft, ParkingChanges},
        rows::{DeadLetter, JournalEntry, Parked, Position, TaskRow, TimerRow},
        shard::Shard,
        statements,
    },
    group::Group,
    rows::{Row, Rows},
    store::{Cells, Kind, Mode, Statement, Store, StoreError, Transaction},
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
    /// Runs the batch. On any error nothing of it was written, but for a
    /// [`StoreError::Transient`] of the commit itself, whose outcome must be read.
    pub(crate) async fn run(self, items: Vec<Item>) -> Result<Committed, BatchError> {
        // Before the transaction: reading may ask the registry, and would hold its locks meanwhile.
        let mut inputs =
            off_the_loop(|| decide::read_all(self.group, items, self.around.partitions));
        (self.beat)(true);
        let mut transaction = self.store.begin(Mode::Write).await?;
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
        let started_tasks = write_changes(&changes, transaction.as_mut()).await?;
        let fence = self.fence(&inputs, &changes);
        let held = transaction
            .execute(&statements::FENCE, fence_cells(&fence))
            .await?;
        if usize::try_from(held).ok() != Some(fence.len()) {
            return Err(BatchError::Fenced);
        }
        let statements = transaction.statements() + 1;
        transaction.commit().await?;
        let items = inputs.into_iter().map(|input| input.item).collect();
        let parked = parked.into_iter();
        let parked = parked.map(|(number, draft)| (number, draft.into_changes()));
        Ok(Committed {
            changes,
            started_tasks,
            parked: parked.collect(),
            fence,
            items,
            statements,
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

async fn write_changes(
    changes: &Changes,
    transaction: &mut dyn Transaction,
) -> Result<Vec<TaskRow>, StoreError> {
    let journal = changes.journal.iter().map(|(entry, _)| entry);
    write(transaction, &JournalEntry::TABLE.insert_new(), journal).await?;
    let started = write_new_tasks(&changes.new_tasks, transaction).await?;
    write(
        transaction,
        &TaskRow::TABLE.upsert(),
        changes.updated_tasks.iter(),
    )
    .await?;
    if !changes.retried_tasks.is_empty() {
        let retried = || changes.retried_tasks.iter();
        let cells = vec![
            Cells::texts(retried().map(|row| row.task_id.as_str())),
            Cells::longs(retried().map(|row| row.attempts)),
            Cells::longs(retried().map(|row| row.not_before)),
        ];
        transaction.execute(&statements::RETRIED, cells).await?;
    }
    let timers = changes.timers.values().flatten();
    write(transaction, &TimerRow::TABLE.upsert(), timers).await?;
    let gone = changes.timers.iter().filter(|(_, timer)| timer.is_none());
    let gone: Vec<&str> = gone.map(|(timer_id, _)| timer_id.as_str()).collect();
    if !gone.is_empty() {
        transaction
            .enqueue(&TimerRow::TABLE.delete(), vec![Cells::texts(gone)])
            .await?;
    }
    write(
        transaction,
        &DeadLetter::TABLE.upsert(),
        changes.dead_letters.iter(),
    )
    .await?;
    write(transaction, &Parked::TABLE.upsert(), changes.parked.iter()).await?;
    if !changes.parked_again.is_empty() {
        let again = || changes.parked_again.iter();
        let cells = vec![
            Cells::longs(again().map(|((shard, _), _)| i64::from(*shard))),
            Cells::Bytes(again().map(|((_, key), _)| Some(key.clone())).collect()),
            Cells::longs(again().map(|(_, min_reader)| i64::from(*min_reader))),
        ];
        (transaction.execute(&statements::RAISE_PARKED, cells)).await?;
    }
    if !changes.unparked.is_empty() {
        let cells = vec![
            Cells::texts(changes.unparked.iter().map(|one| one.0.as_str())),
            Cells::longs(changes.unparked.iter().map(|one| i64::from(one.1))),
            Cells::longs(changes.unparked.iter().map(|one| one.2)),
        ];
        transaction.enqueue(&Parked::TABLE.delete(), cells).await?;
    }
    write(
        transaction,
        &Position::TABLE.upsert(),
        changes.positions.values(),
    )
    .await?;
    Ok(started)
}

/// A task that exists is left as it is: the same decision, made again.
async fn write_new_tasks(
    tasks: &[TaskRow],
    transaction: &mut dyn Transaction,
) -> Result<Vec<TaskRow>, StoreError> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let insert = TaskRow::TABLE.insert_new();
    let returning = Statement::new(
        format!("{} RETURNING task_id", insert.postgres),
        format!("{} RETURNING task_id", insert.sqlite),
    );
    let mut columns = TaskRow::TABLE.empty_columns();
    for task in tasks {
        task.push(&mut columns);
    }
    let written = transaction
        .query(&returning, columns, &[Kind::Text])
        .await?;
    let Some(Cells::Text(ids)) = written.into_iter().next() else {
        return Ok(Vec::new());
    };
    let ids: BTreeSet<String> = ids.into_iter().flatten().collect();
    let mut taken = BTreeSet::new();
    let is_new =
        |task: &&TaskRow| ids.contains(&task.task_id) && taken.insert(task.task_id.clone());
    Ok(tasks.iter().filter(is_new).cloned().collect())
}

async fn write<'r, R: Row>(
    transaction: &mut dyn Transaction,
    statement: &Statement,
    rows: impl Iterator<Item = &'r R>,
) -> Result<(), StoreError> {
    let mut columns = R::TABLE.empty_columns();
    for row in rows {
        row.push(&mut columns);
    }
    if columns[0].is_empty() {
        return Ok(());
    }
    transaction.enqueue(statement, columns).await
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
