//! The runtime's tables, described once for both databases. Their SQL is in `runtime/migrations/`.

use crate::{
    record::{Coordinates, Headers, Outgoing, Record},
    task::{Task, Timer},
};

crate::table! {
    /// How far one partition of one topic has been read, and what became of what was read:
    /// `next_offset - start_offset` is the sum of the five counts, of offsets that held no record,
    /// and of what an operator has skipped (see [`super::halts`], also for counts that go back
    /// further than `start_offset`).
    pub struct Position in "positions" {
        key {
            /// The topic.
            topic: String,
            /// The partition.
            partition: i32,
        }
        /// The offset of the next record to be read.
        next_offset: i64,
        /// The offset of the first record that was read.
        start_offset: i64,
        /// The id of the topic when it was first read: a re-created topic has another.
        topic_id: Option<String>,
        /// Records that had their effect.
        applied: i64,
        /// Records that had been seen before.
        duplicates: i64,
        /// Records that do not concern the group.
        ignored: i64,
        /// Records set aside as dead letters.
        set_aside: i64,
        /// Records parked until the group can read them.
        parked: i64,
        /// Why reading has stopped until an operator decides, if it has: the open row of `halts` in
        /// one sentence.
        halted: Option<String>,
    }
}

crate::table! {
    /// An event that follows from a batch, in the order in which the shard publishes.
    pub struct JournalEntry in "journal" {
        key {
            /// The shard.
            shard: i32,
            /// Its place in the shard's order.
            sequence: i64,
        }
        /// See [`Outgoing::event_id`].
        event_id: String,
        /// See [`Outgoing::topic`].
        topic: String,
        /// See [`Outgoing::key`].
        record_key: Vec<u8>,
        /// See [`Outgoing::payload`].
        payload: Option<Vec<u8>>,
        /// See [`Headers::to_bytes`].
        headers: Vec<u8>,
        /// When the batch was decided, microseconds.
        written_at: i64,
    }
}

crate::table! {
    /// A task; see [`Task`].
    pub struct TaskRow in "tasks" {
        key {
            /// See [`Task::task_id`].
            task_id: String,
        }
        /// See [`Task::shard`].
        shard: i32,
        /// See [`Task::sequence`].
        sequence: i64,
        /// See [`Task::key`].
        task_key: String,
        /// See [`Task::kind`].
        kind: String,
        /// See [`Task::payload`].
        payload: String,
        /// See [`Task::causation_id`].
        causation_id: String,
        /// See [`Task::traceparent`].
        traceparent: Option<String>,
        /// See [`Task::created_at`].
        created_at: i64,
        /// See [`Task::attempts`].
        attempts: i64,
        /// Not tried again before this time, microseconds.
        not_before: i64,
        /// `waiting`, `answered`, or `set_aside` when its answer was refused.
        state: String,
        /// The answer, as JSON.
        answer: Option<String>,
        /// When the answer was applied, microseconds.
        answered_at: Option<i64>,
        /// How often it was tried again after its answer had been set aside.
        redrives: i64,
    }
}

crate::table! {
    /// A timer; see [`Timer`].
    pub struct TimerRow in "timers" {
        key {
            /// See [`Timer::timer_id`].
            timer_id: String,
        }
        /// See [`Timer::shard`].
        shard: i32,
        /// See [`Timer::key`].
        timer_key: String,
        /// See [`Timer::kind`].
        kind: String,
        /// See [`Timer::due_at`].
        due_at: i64,
        /// See [`Timer::causation_id`].
        causation_id: String,
        /// See [`Timer::traceparent`].
        traceparent: Option<String>,
    }
}

crate::table! {
    /// A record (or answer, or timer) that was set aside, as it came.
    pub struct DeadLetter in "dead_letters" {
        key {
            /// `topic[partition]@offset`, or `task:<id>`, `timer:<id>`.
            dead_letter_id: String,
        }
        /// The shard that set it aside, and to which a redrive goes.
        shard: i32,
        /// The topic it came from; empty for an answer or a timer.
        topic: String,
        /// The partition it came from.
        partition: i32,
        /// The offset it came from.
        record_offset: i64,
        /// Its key.
        record_key: Option<Vec<u8>>,
        /// Its payload, byte for byte.
        payload: Option<Vec<u8>>,
        /// Its headers; see [`Headers::to_bytes`].
        headers: Vec<u8>,
        /// The broker's timestamp, microseconds.
        record_time: i64,
        /// Why: a bounded word.
        reason: String,
        /// Why: for a person.
        detail: String,
        /// At which step.
        stage: String,
        /// When it was first set aside, microseconds.
        first_failed_at: i64,
        /// When it was last set aside, microseconds.
        last_failed_at: i64,
        /// How often it was redriven and came back.
        redrives: i64,
        /// `set_aside`; `redrive` once a redrive is asked for; `redriven` once it was applied.
        state: String,
    }
}

crate::table! {
    /// A record that waits for a newer build, or behind one that does.
    pub struct Parked in "parked" {
        key {
            /// The topic.
            topic: String,
            /// The partition.
            partition: i32,
            /// The offset.
            record_offset: i64,
        }
        /// The shard.
        shard: i32,
        /// Its key.
        record_key: Option<Vec<u8>>,
        /// Its payload.
        payload: Option<Vec<u8>>,
        /// Its headers.
        headers: Vec<u8>,
        /// The broker's timestamp, microseconds.
        record_time: i64,
        /// The reader version that it, or the record before it, needs.
        min_reader: i64,
        /// When it was parked, microseconds.
        parked_at: i64,
        /// Its place in the order in which records were parked, across topics.
        sequence: i64,
    }
}

impl Position {
    /// A partition that has never been read.
    #[must_use]
    pub fn new(topic: &str, partition: i32, start_offset: i64) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            next_offset: start_offset,
            start_offset,
            topic_id: None,
            applied: 0,
            duplicates: 0,
            ignored: 0,
            set_aside: 0,
            parked: 0,
            halted: None,
        }
    }

    /// How many records were accounted for.
    #[must_use]
    pub fn accounted(&self) -> i64 {
        self.applied + self.duplicates + self.ignored + self.set_aside + self.parked
    }
}

impl DeadLetter {
    /// How the id of an answer's dead letter begins; a topic's name has no colon.
    pub(crate) const OF_TASK: &str = "task:";

    /// The task whose answer was set aside under this [`dead_letter_id`](Self::dead_letter_id); none
    /// for a record or a timer.
    #[must_use]
    pub fn task_id(dead_letter_id: &str) -> Option<&str> {
        dead_letter_id.strip_prefix(Self::OF_TASK)
    }
}

impl JournalEntry {
    /// The record to be published.
    #[must_use]
    pub fn outgoing(self) -> Outgoing {
        Outgoing {
            event_id: self.event_id,
            topic: self.topic,
            key: self.record_key,
            payload: self.payload,
            headers: Headers::from_bytes(&self.headers),
        }
    }
}

impl TaskRow {
    /// The task as a worker sees it.
    #[must_use]
    pub fn task(&self) -> Task {
        Task {
            task_id: self.task_id.clone(),
            shard: self.shard,
            sequence: self.sequence,
            key: self.task_key.clone(),
            kind: self.kind.clone(),
            payload: serde_json::from_str(&self.payload).unwrap_or_default(),
            causation_id: self.causation_id.clone(),
            traceparent: self.traceparent.clone(),
            created_at: self.created_at,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
        }
    }
}

impl From<TimerRow> for Timer {
    fn from(row: TimerRow) -> Self {
        Self {
            timer_id: row.timer_id,
            shard: row.shard,
            key: row.timer_key,
            kind: row.kind,
            due_at: row.due_at,
            causation_id: row.causation_id,
            traceparent: row.traceparent,
        }
    }
}

fn record(
    (topic, partition, offset): (&str, i32, i64),
    (key, payload): (Option<Vec<u8>>, Option<Vec<u8>>),
    headers: &[u8],
    timestamp_micros: i64,
) -> Record {
    Record {
        at: Coordinates {
            topic: topic.into(),
            partition,
            offset,
        },
        key,
        payload,
        headers: Headers::from_bytes(headers),
        timestamp_micros,
    }
}

impl Parked {
    /// The record as it came.
    #[must_use]
    pub fn record(self) -> Record {
        let at = (self.topic.as_str(), self.partition, self.record_offset);
        record(
            at,
            (self.record_key, self.payload),
            &self.headers,
            self.record_time,
        )
    }
}

impl DeadLetter {
    /// The record as it came; none when it was an answer or a timer.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        if self.topic.is_empty() {
            return None;
        }
        let at = (self.topic.as_str(), self.partition, self.record_offset);
        let content = (self.record_key.clone(), self.payload.clone());
        Some(record(at, content, &self.headers, self.record_time))
    }
}
