//! What a run leaves in its database.

use std::sync::atomic::Ordering;

use super::{
    SHARDS,
    group::Account,
    world::{RECORDS, World},
};
use crate::{
    bookkeeping::rows::{DeadLetter, JournalEntry, Parked, Position, TaskRow, TimerRow},
    rows::{Row, Scan},
    store::{Cells, Kind, Mode, Statement, Store},
};

/// What is left in the end, without what may differ from run to run: times, attempts, and the order
/// between records, answers and timers.
#[derive(Debug, PartialEq)]
pub(super) struct Tables {
    /// Per account, how many inputs had their effect, which, and the records among them in order.
    pub(super) accounts: Vec<(String, i64, Vec<String>, Vec<String>)>,
    positions: Vec<Position>,
    tasks: Vec<(String, String, Option<String>)>,
    pub(super) dead_letters: Vec<(String, String, i64, String)>,
    journal: Vec<(i32, String, String, Vec<u8>)>,
}

impl World {
    /// What is left to do: unread records, tasks, timers, parked records, unpublished events.
    pub(super) async fn left(&self) -> [i64; 5] {
        let all = i64::try_from(RECORDS.len() * SHARDS.len()).unwrap();
        [
            all - self.number("SELECT sum(next_offset) FROM positions").await,
            self.number("SELECT count(*) FROM tasks WHERE state = 'waiting'")
                .await,
            self.number("SELECT count(*) FROM timers").await,
            self.number("SELECT count(*) FROM parked").await,
            self.number("SELECT sum(next_sequence - 1 - published_sequence) FROM shards")
                .await,
        ]
    }

    pub(super) async fn is_done(&self) -> bool {
        let left = self.left().await;
        if left[0] == 0 {
            self.is_upgraded.store(true, Ordering::SeqCst);
        }
        left == [0; 5]
    }

    async fn number(&self, sql: &str) -> i64 {
        let mut snapshot = self.inner.begin(Mode::Snapshot).await.unwrap();
        let statement = Statement::new(sql, sql);
        let columns = snapshot.query(&statement, vec![], &[Kind::Long]).await;
        let Cells::Long(rows) = &columns.unwrap()[0] else {
            panic!("not a number")
        };
        rows.iter().flatten().sum()
    }

    pub(super) async fn all<R: Row>(&self) -> Vec<R> {
        let mut snapshot = self.inner.begin(Mode::Snapshot).await.unwrap();
        let page = Scan::<R>::new(1_000).next_page(snapshot.as_mut()).await;
        page.unwrap().unwrap_or_default()
    }

    pub(super) async fn tables(&self) -> Tables {
        assert!(self.all::<TimerRow>().await.is_empty());
        assert!(self.all::<Parked>().await.is_empty());
        let names: Vec<&str> = RECORDS
            .iter()
            .filter_map(|(_, payload)| Some(payload.split_once(' ')?.1))
            .collect();
        let account = |account: Account| {
            let history: Vec<String> = (account.history.split_whitespace())
                .map(str::to_owned)
                .collect();
            let is_record = |word: &&String| names.contains(&word.as_str());
            let in_order = history.iter().filter(is_record).cloned().collect();
            let mut all = history.clone();
            all.sort();
            (account.account, account.inputs, all, in_order)
        };
        let journal = self.all::<JournalEntry>().await.into_iter();
        let mut journal: Vec<_> = journal
            .map(|one| (one.shard, one.topic, one.event_id, one.record_key))
            .collect();
        journal.sort();
        let letter = |one: DeadLetter| (one.dead_letter_id, one.reason, one.redrives, one.state);
        Tables {
            accounts: self.all().await.into_iter().map(account).collect(),
            positions: self.all().await,
            tasks: (self.all::<TaskRow>().await.into_iter())
                .map(|task| (task.task_id, task.state, task.answer))
                .collect(),
            dead_letters: self.all().await.into_iter().map(letter).collect(),
            journal,
        }
    }
}
