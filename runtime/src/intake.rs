//! The queue between the poll thread and a lane: bounded by records and bytes, cheap per record.
//!
//! The poll thread hands over what it has polled in one go and never waits; when a lane holds more
//! than its limits the poll thread pauses the lane's partitions, and resumes them once half is free.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{config::Config, record::Record};

/// A record, and the ticket under which its partition was started: the lane drops what was polled
/// under another ticket than the one under which it took the shard.
#[derive(Debug, Clone)]
pub(crate) struct Polled {
    pub(crate) ticket: u64,
    pub(crate) record: Arc<Record>,
}

/// The queue of one lane.
#[derive(Debug)]
pub(crate) struct Intake {
    held: Mutex<Held>,
    wake: Notify,
    records_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Held {
    queue: VecDeque<Polled>,
    /// Records handed over and not finished yet, those in the lane's current batch included.
    records: usize,
    bytes: usize,
}

impl Intake {
    /// The queues of a member's lanes.
    pub(crate) fn of_lanes(config: &Config) -> Vec<Arc<Self>> {
        let of_lane = |_| Arc::new(Self::new(config.queue_records_max, config.queue_bytes_max));
        (0..config.lanes).map(of_lane).collect()
    }

    pub(crate) fn new(records_max: usize, bytes_max: usize) -> Self {
        Self {
            held: Mutex::default(),
            wake: Notify::new(),
            records_max,
            bytes_max,
        }
    }

    /// Hands over records, in order; `records` is left empty.
    pub(crate) fn push_all(&self, records: &mut Vec<Polled>) {
        let mut held = self.lock();
        held.records += records.len();
        held.bytes += records
            .iter()
            .map(|polled| polled.record.bytes())
            .sum::<usize>();
        held.queue.extend(records.drain(..));
        drop(held);
        self.wake.notify_one();
    }

    /// Moves up to so many records and bytes, at least one record, to the end of `batch`; whether
    /// nothing is left behind them.
    pub(crate) fn take(&self, batch: &mut VecDeque<Polled>, records: usize, bytes: usize) -> bool {
        let mut held = self.lock();
        let (mut taken_records, mut taken_bytes) = (0, 0);
        while taken_records < records && taken_bytes < bytes {
            let Some(polled) = held.queue.pop_front() else {
                break;
            };
            taken_records += 1;
            taken_bytes += polled.record.bytes();
            batch.push_back(polled);
        }
        held.queue.is_empty()
    }

    /// Records that were taken are finished: written, or dropped.
    pub(crate) fn finished(&self, records: usize, bytes: usize) {
        let mut held = self.lock();
        held.records = held.records.saturating_sub(records);
        held.bytes = held.bytes.saturating_sub(bytes);
    }

    /// Drops everything that was not taken.
    pub(crate) fn clear(&self) {
        let mut held = self.lock();
        *held = Held::default();
    }

    /// Whether the lane holds more than it should.
    pub(crate) fn is_full(&self) -> bool {
        let held = self.lock();
        held.records >= self.records_max || held.bytes >= self.bytes_max
    }

    /// Whether the lane has room again.
    pub(crate) fn has_room(&self) -> bool {
        let held = self.lock();
        held.records <= self.records_max / 2 && held.bytes <= self.bytes_max / 2
    }

    /// Wakes the lane.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until something was handed over or the lane was woken.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while the lock is held, so a poisoned lock still guards sound state.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Coordinates, Headers};

    fn polled(offset: i64, bytes: usize) -> Polled {
        let at = Coordinates {
            topic: "t".into(),
            partition: 0,
            offset,
        };
        let payload = Some(vec![0; bytes]);
        let record = Record {
            at,
            key: None,
            payload,
            headers: Headers::default(),
            timestamp_micros: 0,
        };
        Polled {
            ticket: 1,
            record: Arc::new(record),
        }
    }

    #[test]
    fn what_is_taken_still_counts_until_it_is_finished() {
        let intake = Intake::new(2, 1_000);
        intake.push_all(&mut vec![polled(0, 10), polled(1, 10)]);
        let mut batch = VecDeque::new();
        assert!(intake.take(&mut batch, 10, 1_000));
        assert_eq!(batch.len(), 2);
        assert!(intake.is_full());
        intake.finished(2, 20);
        assert!(intake.has_room());
    }

    #[test]
    fn bytes_bound_the_queue_as_well_as_records() {
        let intake = Intake::new(1_000, 100);
        intake.push_all(&mut vec![polled(0, 100)]);
        assert!(intake.is_full());
    }

    #[test]
    fn a_record_larger_than_the_limit_is_taken_alone() {
        let intake = Intake::new(10, 10);
        intake.push_all(&mut vec![polled(0, 50), polled(1, 1)]);
        let mut batch = VecDeque::new();
        assert!(!intake.take(&mut batch, 10, 10));
        assert_eq!(batch.len(), 1);
    }
}
