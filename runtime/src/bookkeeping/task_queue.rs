//! Tasks that wait to be performed: in order per key, one at a time per key.
//!
//! Only a window of them is in memory. When more were written than fit, the rest is read from the
//! database as the window empties, in the order in which they were written.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::rows::TaskRow;

/// The tasks of one shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskQueue {
    tasks: BTreeMap<i64, TaskRow>,
    by_key: HashMap<String, VecDeque<i64>>,
    /// The first of each key that is not being performed, by the time from which it may be.
    ready: BTreeSet<(i64, i64)>,
    last_loaded: i64,
    more_stored: bool,
}

/// How many tasks of a shard are held in memory.
pub(crate) const WINDOW_TASKS: usize = 2_000;

impl TaskQueue {
    /// Tasks read from the database, in order of their sequence; `more` says that it holds others
    /// behind them.
    pub(crate) fn loaded(&mut self, rows: Vec<TaskRow>, more: bool) {
        self.more_stored = more;
        for row in rows {
            self.insert(row);
        }
    }

    /// A batch has written a task.
    pub(crate) fn written(&mut self, row: TaskRow) {
        if self.more_stored || self.tasks.len() >= WINDOW_TASKS {
            self.more_stored = true;
        } else {
            self.insert(row);
        }
    }

    /// A task whose answer had been set aside waits again.
    pub(crate) fn reopened(&mut self, row: TaskRow) {
        // One behind the window comes with what is read next.
        if !self.more_stored || row.sequence <= self.last_loaded {
            self.insert(row);
        }
    }

    /// Whether more should be read from the database, and behind which sequence.
    #[must_use]
    pub(crate) fn wants_more(&self) -> Option<i64> {
        (self.more_stored && self.tasks.len() < WINDOW_TASKS / 2).then_some(self.last_loaded)
    }

    /// Takes up to `limit` tasks that can be performed now: the first of their key, and due.
    pub(crate) fn start(&mut self, limit: usize, now: i64) -> Vec<TaskRow> {
        let mut started = Vec::new();
        while started.len() < limit {
            let Some((not_before, sequence)) = self.ready.first().copied() else {
                break;
            };
            if not_before > now {
                break;
            }
            self.ready.pop_first();
            started.extend(self.tasks.get(&sequence).cloned());
        }
        started
    }

    /// When the next task that waits for its time is due.
    #[must_use]
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.ready.first().map(|(not_before, _)| *not_before)
    }

    /// An attempt ended without an answer: tried again, not before `not_before`. Returns the row
    /// with its new attempt count, for the database.
    pub(crate) fn retry(&mut self, sequence: i64, not_before: i64) -> Option<TaskRow> {
        let row = self.tasks.get_mut(&sequence)?;
        // The shard may have been read again meanwhile, which has made the task ready.
        self.ready.remove(&(row.not_before, sequence));
        row.attempts += 1;
        row.not_before = not_before;
        self.ready.insert((not_before, sequence));
        Some(row.clone())
    }

    /// Keeps a task from being started: its answer is known and about to be written.
    pub(crate) fn hold(&mut self, sequence: i64) {
        if let Some(row) = self.tasks.get(&sequence) {
            self.ready.remove(&(row.not_before, sequence));
        }
    }

    /// The row of a task that is being performed.
    #[must_use]
    pub(crate) fn get(&self, sequence: i64) -> Option<&TaskRow> {
        self.tasks.get(&sequence)
    }

    /// A task is finished: the batch that applied its answer has committed.
    pub(crate) fn finished(&mut self, sequence: i64) {
        let Some(row) = self.tasks.remove(&sequence) else {
            return;
        };
        self.ready.remove(&(row.not_before, sequence));
        let Some(queue) = self.by_key.get_mut(&row.task_key) else {
            return;
        };
        queue.retain(|waiting| *waiting != sequence);
        match queue.front() {
            Some(next) => {
                let not_before = self.tasks.get(next).map_or(0, |row| row.not_before);
                self.ready.insert((not_before, *next));
            }
            None => {
                self.by_key.remove(&row.task_key);
            }
        }
    }

    /// How many are in memory.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// When the oldest task in memory was written.
    #[must_use]
    pub(crate) fn oldest_created_at(&self) -> Option<i64> {
        self.tasks.values().next().map(|row| row.created_at)
    }

    fn insert(&mut self, row: TaskRow) {
        let sequence = row.sequence;
        self.last_loaded = self.last_loaded.max(sequence);
        if self.tasks.contains_key(&sequence) {
            return;
        }
        let queue = self.by_key.entry(row.task_key.clone()).or_default();
        queue.push_back(sequence);
        if queue.len() == 1 {
            self.ready.insert((row.not_before, sequence));
        }
        self.tasks.insert(sequence, row);
    }
}

#[cfg(test)]
impl TaskRow {
    /// A task of shard 0 that was never tried.
    pub(crate) fn waiting(task_id: &str, key: &str, sequence: i64) -> Self {
        Self {
            task_id: task_id.to_owned(),
            shard: 0,
            sequence,
            task_key: key.to_owned(),
            kind: "test".to_owned(),
            payload: "{}".to_owned(),
            causation_id: String::new(),
            traceparent: None,
            created_at: sequence,
            attempts: 0,
            not_before: 0,
            state: "waiting".to_owned(),
            answer: None,
            answered_at: None,
            redrives: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(sequence: i64, key: &str) -> TaskRow {
        TaskRow::waiting(&format!("{key}:{sequence}"), key, sequence)
    }

    fn sequences(rows: &[TaskRow]) -> Vec<i64> {
        rows.iter().map(|row| row.sequence).collect()
    }

    #[test]
    fn tasks_of_one_key_are_performed_one_at_a_time_in_order() {
        let mut queue = TaskQueue::default();
        queue.loaded(vec![task(1, "a"), task(2, "a"), task(3, "b")], false);
        assert_eq!(sequences(&queue.start(10, 0)), [1, 3]);
        assert!(queue.start(10, 0).is_empty());
        queue.finished(1);
        assert_eq!(sequences(&queue.start(10, 0)), [2]);
    }

    #[test]
    fn a_task_that_is_tried_again_keeps_its_place() {
        let mut queue = TaskQueue::default();
        queue.loaded(vec![task(1, "a"), task(2, "a")], false);
        queue.start(10, 0);
        assert_eq!(queue.retry(1, 50).map(|row| row.attempts), Some(1));
        assert!(queue.start(10, 49).is_empty());
        assert_eq!(queue.next_due(), Some(50));
        assert_eq!(sequences(&queue.start(10, 50)), [1]);
    }

    #[test]
    fn a_task_that_was_read_again_while_it_was_tried_is_started_once() {
        let mut queue = TaskQueue::default();
        queue.loaded(vec![task(1, "a")], false);
        queue.retry(1, 50);
        assert_eq!(sequences(&queue.start(10, 50)), [1]);
        assert!(queue.start(10, 99).is_empty());
    }

    #[test]
    fn what_does_not_fit_into_memory_is_read_later_and_in_order() {
        let mut queue = TaskQueue::default();
        let all = WINDOW_TASKS as i64 + 10;
        for sequence in 1..=all {
            queue.written(task(sequence, &sequence.to_string()));
        }
        assert_eq!(queue.len(), WINDOW_TASKS);
        assert_eq!(queue.wants_more(), None);
        for sequence in 1..=WINDOW_TASKS as i64 {
            queue.finished(sequence);
        }
        let behind = queue.wants_more().expect("the window is empty");
        assert_eq!(behind, WINDOW_TASKS as i64);
        queue.loaded(
            (behind + 1..=all)
                .map(|n| task(n, &n.to_string()))
                .collect(),
            false,
        );
        assert_eq!(queue.start(usize::MAX, 0).len(), 10);
    }
}
