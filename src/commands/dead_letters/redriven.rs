//! What became of the dead letters that a redrive marked.
//!
//! Separate from the redrive because a record and an answer come to their end differently: a record
//! when its dead letter says so, an answer when the other side has answered its task once more.

use std::{collections::BTreeMap, time::Duration};

use runtime::{
    bookkeeping::rows::DeadLetter,
    rows::Row,
    store::{Cells, Mode, Store, StoreError},
};
use tokio::time::Instant;

use super::{redrive::by_id, select::Letter};
use crate::rows;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What became of them, as numbers.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Became {
    pub(super) applied: usize,
    pub(super) came_back: usize,
    pub(super) waiting: usize,
}

runtime::table! {
    /// How far a task is.
    #[allow(unreachable_pub, reason = "the macro makes tables public")]
    pub struct Progress in "tasks" {
        key {
            /// The task.
            task_id: String,
        }
        /// `waiting`, `answered` or `set_aside`.
        state: String,
    }
}

/// Waits until none of them waits any more, at most so long.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn wait_for(
    store: &dyn Store,
    marked: &[Letter],
    wait: Duration,
) -> Result<Became, StoreError> {
    let deadline = Instant::now() + wait;
    let ids: Vec<String> = (marked.iter())
        .map(|letter| letter.dead_letter_id.clone())
        .collect();
    loop {
        let became = look(store, &ids).await?;
        if became.waiting == 0 || Instant::now() >= deadline {
            return Ok(became);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(store: &dyn Store, ids: &[String]) -> Result<Became, StoreError> {
    // The letters first: a task that was answered meanwhile has been answered.
    let letters = by_id(store, ids).await?;
    let tasks = (ids.iter()).filter_map(|id| DeadLetter::task_id(id));
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let tasks = vec![Cells::texts(tasks)];
    let found =
        rows::query::<Progress>(snapshot.as_mut(), &Progress::TABLE.select(), tasks).await?;
    snapshot.commit().await?;
    let progress: BTreeMap<String, String> = (found.into_iter())
        .map(|task| (task.task_id, task.state))
        .collect();
    let mut became = Became::default();
    for letter in letters {
        let task = DeadLetter::task_id(&letter.dead_letter_id);
        let task = task.and_then(|task_id| progress.get(task_id));
        match (letter.state.as_str(), task.map(String::as_str)) {
            ("redriven", None | Some("answered")) => became.applied += 1,
            ("redriven" | "redrive", _) => became.waiting += 1,
            _ => became.came_back += 1,
        }
    }
    Ok(became)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::{
        bookkeeping::{COMPONENT, MIGRATIONS, rows::TaskRow},
        store::SqliteStore,
    };

    const LETTER: &str = "task:p:authorise";

    async fn write<R: Row>(store: &SqliteStore, row: &R) {
        let mut columns = R::TABLE.empty_columns();
        row.push(&mut columns);
        let mut transaction = store.begin(Mode::Write).await.unwrap();
        let statement = R::TABLE.upsert();
        transaction.execute(&statement, columns).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// An answer's dead letter and its task, in these states.
    async fn in_states(store: &SqliteStore, letter: &str, task: &str) {
        let letter = DeadLetter {
            dead_letter_id: LETTER.to_owned(),
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
            state: letter.to_owned(),
        };
        let task = TaskRow {
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
            state: task.to_owned(),
            answer: None,
            answered_at: None,
            redrives: 0,
        };
        write(store, &letter).await;
        write(store, &task).await;
    }

    #[tokio::test]
    async fn an_answer_is_applied_when_its_task_was_answered_once_more_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("payment.db")).unwrap();
        store.migrate(COMPONENT, MIGRATIONS).await.unwrap();
        let (waiting, applied, came_back) = ((0, 0, 1), (1, 0, 0), (0, 1, 0));
        for (letter, task, expected) in [
            ("redrive", "set_aside", waiting),
            ("redriven", "waiting", waiting),
            ("redriven", "answered", applied),
            ("set_aside", "set_aside", came_back),
        ] {
            in_states(&store, letter, task).await;
            let became = look(&store, &[LETTER.to_owned()]).await.unwrap();
            let numbers = (became.applied, became.came_back, became.waiting);
            assert_eq!(numbers, expected, "letter {letter}, task {task}");
        }
    }
}
