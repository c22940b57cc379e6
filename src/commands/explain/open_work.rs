//! What a group still has to do for a purchase: tasks without an answer, and deadlines.

use std::fmt;

use jiff::Timestamp;
use runtime::{
    bookkeeping::rows::{TaskRow, TimerRow},
    rows::Row,
    store::{Cells, Mode, Statement, Store, StoreError},
};
use serde::Serialize;

use crate::rows;

/// Something that a group waits for.
#[derive(Debug, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum OpenWork {
    /// A call to the outside that has no answer yet.
    Task {
        kind: String,
        /// How often it was tried, as far as it is written down.
        attempts: i64,
        asked_for_at: String,
        /// It is not tried again before; none when it may be tried at any time.
        next_try_at: Option<String>,
    },
    /// A task whose answer was refused: it waits for an operator.
    Refused { kind: String, task_id: String },
    /// A deadline, and when it passes.
    Deadline { kind: String, due_at: String },
}

/// What a group still has to do for a purchase.
pub(super) async fn of(store: &dyn Store, purchase_id: &str) -> Result<Vec<OpenWork>, StoreError> {
    let tasks = of_key::<TaskRow>(store, "task_key", "AND state <> 'answered'", purchase_id);
    let tasks = tasks
        .await?
        .into_iter()
        .map(|task| match task.state.as_str() {
            "waiting" => OpenWork::Task {
                kind: task.kind,
                attempts: task.attempts,
                asked_for_at: time(task.created_at),
                next_try_at: (task.not_before > 0).then(|| time(task.not_before)),
            },
            _ => OpenWork::Refused {
                kind: task.kind,
                task_id: task.task_id,
            },
        });
    let timers = of_key::<TimerRow>(store, "timer_key", "", purchase_id).await?;
    let timers = timers.into_iter().map(|timer| OpenWork::Deadline {
        kind: timer.kind,
        due_at: time(timer.due_at),
    });
    Ok(tasks.chain(timers).collect())
}

async fn of_key<R: Row>(
    store: &dyn Store,
    key: &str,
    more: &str,
    purchase_id: &str,
) -> Result<Vec<R>, StoreError> {
    let (columns, table) = (rows::columns::<R>(), R::TABLE.name);
    let text = |value: &str| format!("SELECT {columns} FROM {table} WHERE {key} = {value} {more}");
    let statement = Statement::new(text("($1::text[])[1]"), text("?1"));
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let parameters = vec![Cells::texts([purchase_id])];
    let found = rows::query(snapshot.as_mut(), &statement, parameters).await?;
    snapshot.commit().await?;
    Ok(found)
}

fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.to_string())
}

impl fmt::Display for OpenWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task {
                kind,
                attempts,
                asked_for_at,
                next_try_at,
            } => {
                write!(
                    f,
                    "{kind} has no answer since {asked_for_at}, tried {attempts} times"
                )?;
                match next_try_at {
                    Some(at) => write!(f, ", again at {at}"),
                    None => Ok(()),
                }
            }
            Self::Refused { kind, task_id } => {
                write!(
                    f,
                    "the answer to {kind} was set aside ({task_id}): waits for an operator"
                )
            }
            Self::Deadline { kind, due_at } => write!(f, "{kind} is due at {due_at}"),
        }
    }
}
