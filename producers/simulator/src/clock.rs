//! The time by which a run keeps its rate: the machine's own, or a test's.

use std::future::Future;
use std::time::{Duration, Instant};

/// Tells a run how long it has been going on.
pub trait Clock: Send {
    /// Since the run began.
    fn elapsed(&self) -> Duration;
    /// Waits for so long.
    fn wait(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The machine's clock.
#[derive(Debug)]
pub struct MachineClock(Instant);

impl MachineClock {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for MachineClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait(&self, time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }
}
