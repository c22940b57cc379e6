//! What a member knows about itself: the source of `/livez`, `/readyz`, `/status` and lag metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::bookkeeping::halts::Halt;

/// What one member is doing, shared by the poll thread, the lanes and the probes.
#[derive(Debug)]
pub struct Status {
    started: Instant,
    last_poll_millis: AtomicU64,
    rebalances: AtomicU64,
    draining: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    assigned: bool,
    shards: BTreeMap<i32, ShardStatus>,
    positions: BTreeMap<(String, i32), i64>,
    ends: BTreeMap<(String, i32), i64>,
    halted: BTreeMap<(String, i32), Halted>,
    waiting: BTreeMap<String, (String, Instant)>,
    lane_beats: BTreeMap<usize, (Instant, bool)>,
}

/// What is known of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShardStatus {
    /// Under which epoch this member owns it.
    pub epoch: i64,
    /// Events that are committed and not yet acknowledged by the broker.
    pub unpublished: usize,
    /// Tasks without an answer, as far as they are in memory.
    pub tasks: usize,
    /// When the oldest of them was written, microseconds.
    pub oldest_task_at: Option<i64>,
    /// Keys that wait for a newer reader.
    pub parked_keys: usize,
    /// When the oldest timer was due that waits until what was in the topics by then is read,
    /// microseconds.
    pub timer_held_since: Option<i64>,
}

/// The exact account of a partition that has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halted {
    /// All of it in one sentence.
    pub why: String,
    /// `deleted_unread`, `created_again`, `behind_end` or `damaged`.
    pub cause: String,
    /// Since when, microseconds.
    pub since: i64,
    /// The offset of the record that was to be read next.
    pub next_offset: i64,
    /// The first offset that the topic had then; of what is damaged, the first behind it.
    pub first_offset: i64,
    /// The offset behind its last record then.
    pub end_offset: i64,
    /// The id of the topic that was read.
    pub topic_id: Option<String>,
    /// The id of the topic that was there then.
    pub present_topic_id: Option<String>,
    /// How many records cannot be read; none when that cannot be known.
    pub unreadable: Option<i64>,
}

impl From<&Halt> for Halted {
    fn from(halt: &Halt) -> Self {
        Self {
            why: halt.to_string(),
            cause: halt.cause.clone(),
            since: halt.halted_at,
            next_offset: halt.next_offset,
            first_offset: halt.first_offset,
            end_offset: halt.end_offset,
            topic_id: halt.topic_id.clone(),
            present_topic_id: halt.present_topic_id.clone(),
            unreadable: halt.unreadable,
        }
    }
}

/// What `/status` answers.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether the group has given this member its partitions (maybe none).
    pub assigned: bool,
    /// Seconds since the poll loop last turned.
    pub poll_age_seconds: f64,
    /// Rebalances seen.
    pub rebalances: u64,
    /// The shards it owns.
    pub shards: BTreeMap<i32, ShardStatus>,
    /// Next offsets by `topic[partition]`.
    pub positions: BTreeMap<String, i64>,
    /// Records between the next offset and the end of each partition.
    pub lag_records: BTreeMap<String, i64>,
    /// Partitions that wait for an operator, and why.
    pub halted: BTreeMap<String, Halted>,
    /// What it waits for, and for how many seconds: a declared wait is no reason for a restart.
    pub waiting: BTreeMap<String, (String, f64)>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            last_poll_millis: AtomicU64::new(0),
            rebalances: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }
}

impl Status {
    pub(crate) fn polled(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_poll_millis.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn rebalanced(&self) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
    }

    /// How many rebalances were seen.
    #[must_use]
    pub fn rebalances(&self) -> u64 {
        self.rebalances.load(Ordering::Relaxed)
    }

    pub(crate) fn lane_turned(&self, lane: usize, waits: bool) {
        self.lock().lane_beats.insert(lane, (Instant::now(), waits));
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_assigned(&self, assigned: bool) {
        self.lock().assigned = assigned;
    }

    pub(crate) fn set_shard(&self, shard: i32, status: ShardStatus) {
        self.lock().shards.insert(shard, status);
    }

    pub(crate) fn forget_shard(&self, shard: i32) {
        let mut state = self.lock();
        state.shards.remove(&shard);
        state
            .positions
            .retain(|(_, partition), _| *partition != shard);
        state.ends.retain(|(_, partition), _| *partition != shard);
        state.halted.retain(|(_, partition), _| *partition != shard);
    }

    pub(crate) fn set_position(&self, topic: &str, partition: i32, next_offset: i64) {
        let mut state = self.lock();
        match state.positions.get_mut(&(topic.to_owned(), partition)) {
            Some(position) => *position = next_offset,
            None => {
                state
                    .positions
                    .insert((topic.to_owned(), partition), next_offset);
            }
        }
    }

    pub(crate) fn set_end(&self, topic: &str, partition: i32, end: i64) {
        self.lock().ends.insert((topic.to_owned(), partition), end);
    }

    /// Says which partitions have stopped; all others are read.
    pub(crate) fn set_halted(&self, halts: &[Halt]) {
        let halted = halts
            .iter()
            .map(|halt| ((halt.topic.clone(), halt.partition), Halted::from(halt)));
        self.lock().halted = halted.collect();
    }

    /// Declares that a part waits for something, or, with `None`, that it no longer does.
    pub(crate) fn set_waiting(&self, part: &str, reason: Option<&str>) {
        let mut state = self.lock();
        match reason {
            Some(reason) => {
                let since = state
                    .waiting
                    .get(part)
                    .map_or_else(Instant::now, |(_, since)| *since);
                state
                    .waiting
                    .insert(part.to_owned(), (reason.to_owned(), since));
            }
            None => {
                state.waiting.remove(part);
            }
        }
    }

    /// Next offsets of the partitions of this member's shards.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<(String, i32), i64> {
        self.lock().positions.clone()
    }

    /// Whether the loops move. Never tells of a dependency: a restart would not bring it back.
    #[must_use]
    pub fn is_live(&self, stall_max: Duration) -> bool {
        let lanes_move = (self.lock().lane_beats.values())
            .all(|(beat, waits)| *waits || beat.elapsed() < stall_max);
        self.poll_age() < stall_max && lanes_move
    }

    /// Whether the member is assigned and stable, and not on its way out.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().assigned && !self.draining.load(Ordering::Relaxed)
    }

    /// Everything, for `/status`.
    #[must_use]
    pub fn report(&self) -> Report {
        let state = self.lock();
        let name = |(topic, partition): &(String, i32)| format!("{topic}[{partition}]");
        let lag = |(at, end): (&(String, i32), &i64)| {
            let position = state.positions.get(at)?;
            Some((name(at), (end - position).max(0)))
        };
        Report {
            assigned: state.assigned,
            poll_age_seconds: self.poll_age().as_secs_f64(),
            rebalances: self.rebalances(),
            shards: state.shards.clone(),
            positions: state
                .positions
                .iter()
                .map(|(at, offset)| (name(at), *offset))
                .collect(),
            lag_records: state.ends.iter().filter_map(lag).collect(),
            halted: state
                .halted
                .iter()
                .map(|(at, why)| (name(at), why.clone()))
                .collect(),
            waiting: (state.waiting.iter())
                .map(|(part, (why, since))| {
                    (part.clone(), (why.clone(), since.elapsed().as_secs_f64()))
                })
                .collect(),
        }
    }

    fn poll_age(&self) -> Duration {
        let last = Duration::from_millis(self.last_poll_millis.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single insertion or removal, so a poisoned lock guards sound state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
