//! Redriving an answer that was set aside: there is no record to be read again, so its task is
//! performed once more, under the same id.
//!
//! Task and dead letter change in one fenced transaction of the shard's owner. A crash before it
//! leaves the mark that asked for it; after it, the task waits like any other.

use std::collections::BTreeSet;

use super::{Lane, LaneEvent};
use crate::{
    bookkeeping::{
        rows::{DeadLetter, TaskRow},
        statements,
    },
    group::Group,
    rows::Row,
    store::{Cells, Mode, Store, StoreError},
    takeover,
    task::Worker,
};

/// A shard as the fence expects it: shard, epoch, next sequence, watermark.
type Fence = (i32, i64, i64, i64);

/// Whether a dead letter is an answer's.
pub(super) fn is_answer(letter: &DeadLetter) -> bool {
    letter.topic.is_empty() && DeadLetter::task_id(&letter.dead_letter_id).is_some()
}

impl<G: Group, W: Worker> Lane<G, W> {
    /// Lets the tasks of dead letters wait again.
    pub(super) async fn reopen(&mut self, letters: Vec<DeadLetter>) {
        let numbers: BTreeSet<i32> = letters.iter().map(|letter| letter.shard).collect();
        let fence: Vec<Fence> = (numbers.iter())
            .filter_map(|number| self.shards.get(number))
            .map(|shard| {
                let outbox = &shard.outbox;
                (
                    shard.shard,
                    shard.epoch,
                    outbox.next_sequence(),
                    outbox.watermark(),
                )
            })
            .collect();
        let store = std::sync::Arc::clone(&self.shared.store);
        let redrives_max = self.shared.config.redrives_max;
        match reopen(store.as_ref(), letters, &fence, redrives_max).await {
            Ok(Some(reopened)) => {
                for row in reopened {
                    tracing::info!(task_id = row.task_id, kind = row.kind, "task tried again");
                    if let Some(shard) = self.shards.get_mut(&row.shard) {
                        shard.tasks.reopened(row);
                    }
                }
            }
            Ok(None) => {
                self.shared.metrics.fenced();
                self.must_read_again = true;
            }
            Err(StoreError::Fatal(why)) => drop(self.shared.events.send(LaneEvent::Fatal(why))),
            Err(error) => {
                tracing::warn!(%error, "database, waiting");
                self.must_read_again = true;
                self.back_off();
            }
        }
    }
}

/// The tasks that wait again; none when a shard has another owner. A dead letter that came back from
/// each of `redrives_max` redrives is left as it was.
async fn reopen(
    store: &dyn Store,
    mut letters: Vec<DeadLetter>,
    fence: &[Fence],
    redrives_max: i64,
) -> Result<Option<Vec<TaskRow>>, StoreError> {
    let mut transaction = store.begin(Mode::Write).await?;
    let ids = letters
        .iter()
        .filter(|letter| letter.redrives < redrives_max)
        .filter_map(|letter| DeadLetter::task_id(&letter.dead_letter_id));
    let ids = vec![Cells::texts(ids)];
    let mut tasks: Vec<TaskRow> =
        takeover::rows(transaction.as_mut(), &TaskRow::TABLE.select(), ids).await?;
    tasks.retain(|task| task.state == "set_aside");
    for task in &mut tasks {
        task.state = "waiting".to_owned();
        task.answer = None;
        task.answered_at = None;
        task.attempts = 0;
        task.not_before = 0;
        task.redrives += 1;
    }
    for letter in &mut letters {
        letter.state = if letter.redrives < redrives_max {
            "redriven".to_owned()
        } else {
            let (id, redrives) = (&letter.dead_letter_id, letter.redrives);
            tracing::warn!(
                id,
                redrives,
                "answer is set aside each time; left for a person"
            );
            "set_aside".to_owned()
        };
    }
    write(transaction.as_mut(), &tasks).await?;
    write(transaction.as_mut(), &letters).await?;
    let cells = vec![
        Cells::longs(fence.iter().map(|one| i64::from(one.0))),
        Cells::longs(fence.iter().map(|one| one.1)),
        Cells::longs(fence.iter().map(|one| one.2)),
        Cells::longs(fence.iter().map(|one| one.3)),
    ];
    let held = transaction.execute(&statements::FENCE, cells).await?;
    if usize::try_from(held).ok() != Some(fence.len()) {
        return Ok(None);
    }
    transaction.commit().await?;
    Ok(Some(tasks))
}

async fn write<R: Row>(
    transaction: &mut dyn crate::store::Transaction,
    rows: &[R],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = R::TABLE.empty_columns();
    for row in rows {
        row.push(&mut columns);
    }
    transaction.execute(&R::TABLE.upsert(), columns).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bookkeeping::{COMPONENT, MIGRATIONS},
        rows::Scan,
        store::SqliteStore,
    };

    fn task(state: &str) -> TaskRow {
        TaskRow {
            task_id: "p:authorise".to_owned(),
            shard: 0,
            sequence: 7,
            task_key: "p".to_owned(),
            kind: "authorise".to_owned(),
            payload: "{}".to_owned(),
            causation_id: "cause".to_owned(),
            traceparent: None,
            created_at: 1,
            attempts: 4,
            not_before: 9,
            state: state.to_owned(),
            answer: Some("{}".to_owned()),
            answered_at: Some(2),
            redrives: 0,
        }
    }

    fn letter() -> DeadLetter {
        DeadLetter {
            dead_letter_id: "task:p:authorise".to_owned(),
            shard: 0,
            topic: String::new(),
            partition: 0,
            record_offset: 0,
            record_key: None,
            payload: None,
            headers: vec![],
            record_time: 0,
            reason: "provider_mismatch".to_owned(),
            detail: String::new(),
            stage: "decide".to_owned(),
            first_failed_at: 1,
            last_failed_at: 1,
            redrives: 0,
            state: "redrive".to_owned(),
        }
    }

    async fn all<R: Row>(store: &SqliteStore) -> Vec<R> {
        let mut snapshot = store.begin(Mode::Snapshot).await.unwrap();
        let page = Scan::<R>::new(10).next_page(snapshot.as_mut()).await;
        page.unwrap().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_task_that_was_set_aside_waits_again_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("test.db")).unwrap();
        store.migrate(COMPONENT, MIGRATIONS).await.unwrap();
        let mut transaction = store.begin(Mode::Write).await.unwrap();
        write(transaction.as_mut(), &[task("set_aside")])
            .await
            .unwrap();
        write(transaction.as_mut(), &[letter()]).await.unwrap();
        let shard = vec![Cells::longs([0])];
        transaction
            .execute(&statements::ADD_SHARDS, shard)
            .await
            .unwrap();
        transaction.commit().await.unwrap();

        let of_another = [(0, 5, 1, 0)];
        let fenced = reopen(&store, vec![letter()], &of_another, 3).await;
        assert_eq!(fenced, Ok(None));
        assert_eq!(all::<TaskRow>(&store).await[0].state, "set_aside");

        let of_its_owner = [(0, 0, 1, 0)];
        let left = reopen(&store, vec![letter()], &of_its_owner, 0).await;
        assert_eq!(left, Ok(Some(vec![])), "it came back too often");
        assert_eq!(all::<DeadLetter>(&store).await[0].state, "set_aside");
        let reopened = reopen(&store, vec![letter()], &of_its_owner, 3).await;
        let reopened = reopened.unwrap().unwrap();
        let row = all::<TaskRow>(&store).await.remove(0);
        assert_eq!(reopened.as_slice(), std::slice::from_ref(&row));
        assert_eq!(
            (row.state.as_str(), row.attempts, row.redrives),
            ("waiting", 0, 1)
        );
        assert_eq!(all::<DeadLetter>(&store).await[0].state, "redriven");

        let again = reopen(&store, vec![letter()], &of_its_owner, 3).await;
        assert_eq!(again, Ok(Some(vec![])), "it waits already");
    }
}
