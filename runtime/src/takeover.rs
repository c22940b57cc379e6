//! Taking shards: raise their epochs, then read what is in them.
//!
//! Raising the epoch waits for a batch of the former owner that is being committed and refuses all
//! later ones, so what is read afterwards is final.

use std::collections::BTreeMap;

use crate::{
    bookkeeping::{
        halts::Halt,
        rows::{JournalEntry, Position, TaskRow},
        shard::Found,
        statements,
        task_queue::WINDOW_TASKS,
    },
    rows::Row,
    store::{Cell, Cells, Mode, Store, StoreError, Transaction},
};

pub(crate) use crate::rows::query as rows;

/// Takes shards under a new epoch.
pub(crate) async fn take(
    store: &dyn Store,
    shards: &[i32],
    topics: &[String],
    owner: &str,
) -> Result<Vec<Found>, StoreError> {
    let mut transaction = store.begin(Mode::Write).await?;
    transaction
        .execute(&statements::ADD_SHARDS, vec![longs(shards)])
        .await?;
    let owners = Cells::texts(shards.iter().map(|_| owner));
    let taken = transaction
        .query(
            &statements::TAKE_SHARDS,
            vec![longs(shards), owners],
            statements::SHARD_KINDS,
        )
        .await?;
    let found = read(transaction.as_mut(), shards, topics, taken).await?;
    transaction.commit().await?;
    Ok(found)
}

/// Reads shards as they stand, after an outcome that is not known. The epochs are the caller's to
/// compare.
pub(crate) async fn read_again(
    store: &dyn Store,
    shards: &[i32],
    topics: &[String],
) -> Result<Vec<Found>, StoreError> {
    let mut transaction = store.begin(Mode::Snapshot).await?;
    let stand = transaction
        .query(
            &statements::READ_SHARDS,
            vec![longs(shards)],
            statements::SHARD_KINDS,
        )
        .await?;
    let found = read(transaction.as_mut(), shards, topics, stand).await?;
    transaction.commit().await?;
    Ok(found)
}

async fn read(
    transaction: &mut dyn Transaction,
    shards: &[i32],
    topics: &[String],
    mut stand: Vec<Cells>,
) -> Result<Vec<Found>, StoreError> {
    let mut found = BTreeMap::new();
    for row in 0..stand[0].len() {
        let mut next = |column: usize| i64::take(&mut stand[column], row).unwrap_or_default();
        let shard = i32::try_from(next(0)).unwrap_or_default();
        let empty = Found {
            shard,
            epoch: next(1),
            next_sequence: next(2),
            published_sequence: next(3),
            positions: vec![],
            halts: vec![],
            unpublished: vec![],
            tasks: vec![],
            more_tasks: false,
            parked: vec![],
        };
        found.insert(shard, empty);
    }
    let names = || vec![Cells::texts(topics.iter().map(String::as_str))];
    for position in rows::<Position>(transaction, &Position::TABLE.select(), names()).await? {
        if let Some(found) = found.get_mut(&position.partition) {
            found.positions.push(position);
        }
    }
    for halt in rows::<Halt>(transaction, &Halt::TABLE.select(), names()).await? {
        if let Some(found) = found.get_mut(&halt.partition) {
            found.halts.push(halt);
        }
    }
    let unpublished = vec![longs(shards)];
    for entry in rows::<JournalEntry>(transaction, &statements::UNPUBLISHED, unpublished).await? {
        if let Some(found) = found.get_mut(&entry.shard)
            && !mutants::on("journal-not-replayed")
        {
            found.unpublished.push(entry);
        }
    }
    let behind: Vec<(i32, i64)> = shards.iter().map(|shard| (*shard, 0)).collect();
    for task in waiting_tasks(transaction, &behind).await? {
        if let Some(found) = found.get_mut(&task.shard) {
            found.tasks.push(task);
            found.more_tasks = found.tasks.len() >= WINDOW_TASKS;
        }
    }
    read_parked(transaction, shards, &mut found).await?;
    Ok(found.into_values().collect())
}

async fn read_parked(
    transaction: &mut dyn Transaction,
    shards: &[i32],
    found: &mut BTreeMap<i32, Found>,
) -> Result<(), StoreError> {
    let kinds = [i64::KIND, Vec::<u8>::KIND, i64::KIND];
    let mut parked = transaction
        .query(&statements::PARKED_KEYS, vec![longs(shards)], &kinds)
        .await?;
    for row in 0..parked[0].len() {
        let shard = i32::take(&mut parked[0], row).unwrap_or_default();
        let key = Vec::<u8>::take(&mut parked[1], row).unwrap_or_default();
        let min_reader = i64::take(&mut parked[2], row).unwrap_or_default();
        if let Some(found) = found.get_mut(&shard) {
            found
                .parked
                .push((key, u32::try_from(min_reader).unwrap_or(u32::MAX)));
        }
    }
    Ok(())
}

/// Tasks without an answer, each shard behind a sequence of its own, a window of each.
pub(crate) async fn waiting_tasks(
    transaction: &mut dyn Transaction,
    behind: &[(i32, i64)],
) -> Result<Vec<TaskRow>, StoreError> {
    let window = i64::try_from(WINDOW_TASKS).unwrap_or(i64::MAX);
    let parameters = vec![
        Cells::longs(behind.iter().map(|(shard, _)| i64::from(*shard))),
        Cells::longs(behind.iter().map(|(_, sequence)| *sequence)),
        Cells::longs(behind.iter().map(|_| window)),
    ];
    rows(transaction, &statements::WAITING_TASKS, parameters).await
}

/// A parameter column of shard numbers.
pub(crate) fn longs(shards: &[i32]) -> Cells {
    Cells::longs(shards.iter().map(|shard| i64::from(*shard)))
}
