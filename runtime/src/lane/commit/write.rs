//! The bookkeeping of a batch into its transaction, one statement per table that it changes.

use std::collections::BTreeSet;

use crate::{
    bookkeeping::{
        rows::{DeadLetter, JournalEntry, Parked, Position, TaskRow, TimerRow},
        statements,
    },
    lane::changes::Changes,
    rows::Row,
    store::{Cells, Kind, Mode, Statement, Store, StoreError, Transaction},
};

/// Writes all of it; gives back the transaction, and the tasks that did not exist before.
pub(super) async fn write_all(
    changes: &Changes,
    store: &dyn Store,
    mut transaction: Box<dyn Transaction>,
) -> Result<(Box<dyn Transaction>, Vec<TaskRow>), StoreError> {
    let started = write_changes(changes, transaction.as_mut()).await?;
    transaction = torn("position-outside-transaction", store, transaction).await?;
    let positions = changes.positions.values();
    write(transaction.as_mut(), &Position::TABLE.upsert(), positions).await?;
    transaction = torn("dead-letter-outside-transaction", store, transaction).await?;
    let letters = changes.dead_letters.iter();
    write(transaction.as_mut(), &DeadLetter::TABLE.upsert(), letters).await?;
    Ok((transaction, started))
}

/// The same transaction; with the break of this name what was written so far is committed, and what
/// follows is in another.
async fn torn(
    name: &str,
    store: &dyn Store,
    transaction: Box<dyn Transaction>,
) -> Result<Box<dyn Transaction>, StoreError> {
    if mutants::on(name) {
        transaction.commit().await?;
        return store.begin(Mode::Write).await;
    }
    Ok(transaction)
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
