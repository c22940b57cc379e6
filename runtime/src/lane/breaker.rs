//! A circuit breaker towards the dependency of a lane's tasks.
//!
//! While it is open no attempt is made, so none is used up: tasks wait where they are. When its time
//! has passed a single attempt tries the dependency; its outcome closes or re-opens it.

use std::time::Duration;

use crate::group::Timestamp;

/// So many failures in a row open it.
const FAILURES_TO_OPEN: u32 = 10;

/// So many failures in a row are no accident any more.
const FAILURES_TO_TELL: u32 = 3;

/// The state of a dependency, as its attempts have found it.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    failures: u32,
    openings: u32,
    open_until: Option<Timestamp>,
    probing: bool,
    backoff: (Duration, Duration),
}

impl Breaker {
    pub(crate) fn new(backoff: (Duration, Duration)) -> Self {
        Self {
            failures: 0,
            openings: 0,
            open_until: None,
            probing: false,
            backoff,
        }
    }

    /// How many of `wanted` attempts may be started.
    pub(crate) fn permits(&self, wanted: usize, now: Timestamp) -> usize {
        match self.open_until {
            None => wanted,
            Some(until) if now < until => 0,
            Some(_) if self.probing => 0,
            Some(_) => wanted.min(1),
        }
    }

    /// An attempt was started; while the breaker is open, it is the one that tries the dependency.
    pub(crate) fn started(&mut self) {
        self.probing = self.open_until.is_some();
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.openings = 0;
        self.open_until = None;
        self.probing = false;
    }

    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.failures += 1;
        if self.failures < FAILURES_TO_OPEN && !self.probing {
            return;
        }
        self.probing = false;
        let open = backoff(self.backoff, self.openings);
        self.openings += 1;
        self.open_until = Some(now.saturating_add(micros(open)));
    }

    /// Whether attempts fail for now, one after the other.
    pub(crate) fn fails(&self) -> bool {
        self.failures >= FAILURES_TO_TELL
    }

    /// Whether an attempt is under way whose outcome decides.
    pub(crate) fn is_probing(&self) -> bool {
        self.probing
    }

    /// Until when it is open.
    pub(crate) fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }
}

/// The back-off before try number `tries + 1`: doubled each time, up to a limit.
pub(crate) fn backoff((first, longest): (Duration, Duration), tries: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(tries.min(20)))
        .min(longest)
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: (Duration, Duration) = (Duration::from_micros(100), Duration::from_micros(400));

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(BACKOFF);
        for _ in 0..FAILURES_TO_OPEN {
            breaker.failed(0);
        }
        breaker
    }

    #[test]
    fn an_open_breaker_lets_nothing_through_until_its_time_has_passed() {
        let mut breaker = opened();
        assert_eq!(breaker.permits(64, 99), 0);
        assert_eq!(breaker.permits(64, 100), 1);
        breaker.started();
        assert_eq!(
            breaker.permits(64, 100),
            0,
            "one attempt tries the dependency"
        );
    }

    #[test]
    fn an_answer_closes_it_and_a_failure_opens_it_for_longer() {
        let mut breaker = opened();
        breaker.started();
        breaker.failed(100);
        assert_eq!(breaker.open_until(), Some(300));
        breaker.started();
        breaker.succeeded();
        assert_eq!(breaker.permits(64, 300), 64);
    }

    #[test]
    fn a_few_failures_do_not_open_it() {
        let mut breaker = Breaker::new(BACKOFF);
        breaker.failed(0);
        breaker.succeeded();
        assert_eq!(breaker.permits(64, 0), 64);
    }

    #[test]
    fn failures_are_told_before_it_opens_and_until_something_is_answered() {
        let mut breaker = Breaker::new(BACKOFF);
        breaker.failed(0);
        assert!(!breaker.fails(), "once is an accident");
        breaker.failed(0);
        breaker.failed(0);
        assert!(breaker.fails() && breaker.permits(64, 0) == 64);
        breaker.succeeded();
        assert!(!breaker.fails());
    }

    #[test]
    fn the_back_off_is_bounded() {
        assert_eq!(backoff(BACKOFF, 0), BACKOFF.0);
        assert_eq!(backoff(BACKOFF, 63), BACKOFF.1);
    }
}
