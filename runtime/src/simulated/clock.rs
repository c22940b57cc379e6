//! A clock that stands still until it is moved.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::{group::Timestamp, lane::micros};

/// The clock of one process. What sleeps by it wakes when it is moved far enough.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    /// What the process takes the time of day to be differs by so much.
    skew: i64,
    elapsed: i64,
    numbers: u64,
    /// By when they wake, in microseconds since the start.
    sleepers: BTreeMap<(i64, u64), Waker>,
}

impl Clock {
    /// A clock that shows this time of day.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let state = State {
            now,
            skew: 0,
            elapsed: 0,
            numbers: 0,
            sleepers: BTreeMap::new(),
        };
        Self {
            started: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// Moves it to a time of day; what was to wake by then wakes. It does not go back.
    pub fn move_to(&self, now: Timestamp) {
        let mut state = self.lock();
        state.elapsed += (now - state.now).max(0);
        state.now = state.now.max(now);
        let behind = (state.elapsed + 1, 0);
        let rest = state.sleepers.split_off(&behind);
        let awake = std::mem::replace(&mut state.sleepers, rest);
        drop(state);
        awake.into_values().for_each(Waker::wake);
    }

    /// Lets the process take the time of day to be another by so many microseconds.
    pub fn skew(&self, micros: i64) {
        self.lock().skew = micros;
    }

    /// The time of day at which the first of the sleepers wakes.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let state = self.lock();
        let (first, _) = state.sleepers.keys().next()?;
        Some(state.now + (first - state.elapsed))
    }

    pub(crate) fn now(&self) -> Timestamp {
        let state = self.lock();
        state.now + state.skew
    }

    pub(crate) fn instant(&self) -> Instant {
        let elapsed = u64::try_from(self.lock().elapsed).unwrap_or_default();
        self.started + Duration::from_micros(elapsed)
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let mut state = self.lock();
        state.numbers += 1;
        // Whoever sleeps for less than a microsecond still sleeps.
        let duration = micros(duration).max(i64::from(!duration.is_zero()));
        Sleep {
            clock: self,
            at: (state.elapsed + duration, state.numbers),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when the clock has been moved far enough.
#[derive(Debug)]
pub(crate) struct Sleep<'a> {
    clock: &'a Clock,
    at: (i64, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        if state.elapsed >= self.at.0 {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.at, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.at);
    }
}
