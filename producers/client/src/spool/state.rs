//! What the writer, the drain and the callers know together. What must stay true: a record counts
//! as waiting from before its append is answered until Kafka has confirmed it, so that nothing can
//! overtake it.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::segment::Name;
use super::{Backlog, SpoolConfig, SpoolError};

/// One file, as far as this process has come with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) name: Name,
    /// Drained up to here.
    pub(super) read_bytes: u64,
    /// Synced up to here: nothing behind it is read.
    pub(super) synced_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Oldest first; the last one may still grow.
    pub(super) segments: VecDeque<Segment>,
    /// Given to the next record; a failed append uses up its numbers.
    pub(super) next_sequence: u64,
    /// Appended, not yet synced.
    pub(super) reserved_bytes: u64,
    /// Synced, not yet confirmed by Kafka.
    pub(super) undrained_bytes: u64,
    pub(super) oldest_at: Option<i64>,
    /// The file that an append is under way to: it stays, even if all in it is drained.
    pub(super) writing: Option<Name>,
    pub(super) closed: bool,
}

impl State {
    /// Takes away what is drained whole and not being written. The writer, finding that its file
    /// is gone from the list, begins another.
    pub(super) fn take_drained(&mut self) -> Vec<Name> {
        let mut drained = Vec::new();
        while let Some(first) = self.segments.front() {
            if first.read_bytes < first.synced_bytes || self.writing == Some(first.name) {
                break;
            }
            drained.push(first.name);
            self.segments.pop_front();
        }
        drained
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: SpoolConfig,
    state: Mutex<State>,
    changed: Condvar,
    /// Held as long as the spool is open; the system lets go of it when the process ends.
    _lock: File,
}

impl Shared {
    pub(super) fn new(config: SpoolConfig, state: State, lock: File) -> Self {
        Self {
            config,
            state: Mutex::new(state),
            changed: Condvar::new(),
            _lock: lock,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics with it held")
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits for something new, at most `patience`.
    pub(super) fn wait(&self, patience: Duration) {
        let state = self.lock();
        if state.undrained_bytes == 0 && !state.closed {
            let waited = self.changed.wait_timeout(state, patience);
            drop(waited.expect("no code panics with it held"));
        }
    }

    pub(super) fn reserve(&self, bytes: u64) -> Result<(), SpoolError> {
        let mut state = self.lock();
        let waiting = state.undrained_bytes + state.reserved_bytes;
        if waiting + bytes > self.config.bytes_max {
            return Err(SpoolError::Full(format!(
                "{waiting} of {} bytes wait to be sent",
                self.config.bytes_max
            )));
        }
        state.reserved_bytes += bytes;
        Ok(())
    }

    pub(super) fn unreserve(&self, bytes: u64) {
        self.lock().reserved_bytes -= bytes;
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.reserved_bytes == 0 && state.undrained_bytes == 0
    }

    pub(super) fn backlog(&self) -> Backlog {
        let state = self.lock();
        Backlog {
            bytes: state.undrained_bytes,
            oldest_at: state.oldest_at,
        }
    }
}
