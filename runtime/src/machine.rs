//! What a member takes from the machine that it runs on: the time, waiting, and threads for what
//! blocks.
//!
//! Nothing else of a member reads a clock. So the very member that is deployed also runs in a
//! simulation, in which time stands still until the simulation moves it. A release knows no machine
//! but the real one.

#[cfg(debug_assertions)]
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::group::Timestamp;
#[cfg(debug_assertions)]
use crate::simulated::Clock;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) enum Machine {
    Real,
    #[cfg(debug_assertions)]
    Simulated(Arc<Clock>),
}

impl Machine {
    /// The time of day: read once per batch, passed on from there.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Real => {
                jiff::Timestamp::now().as_microsecond() + failpoints::clock_error_micros()
            }
            #[cfg(debug_assertions)]
            Self::Simulated(clock) => clock.now(),
        }
    }

    /// A time by which durations are measured; it never goes back.
    pub(crate) fn instant(&self) -> Instant {
        match self {
            Self::Real => Instant::now(),
            #[cfg(debug_assertions)]
            Self::Simulated(clock) => clock.instant(),
        }
    }

    /// How long ago that was.
    pub(crate) fn since(&self, instant: Instant) -> Duration {
        self.instant().saturating_duration_since(instant)
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        match self {
            Self::Real => tokio::time::sleep(duration).await,
            #[cfg(debug_assertions)]
            Self::Simulated(clock) => clock.sleep(duration).await,
        }
    }

    /// Waits until then; for ever, where there is no such time.
    pub(crate) async fn until(&self, at: Option<Instant>) {
        match at {
            Some(at) => {
                self.sleep(at.saturating_duration_since(self.instant()))
                    .await;
            }
            None => std::future::pending().await,
        }
    }

    /// What a future yields within a time; none when it takes longer, and is dropped.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.sleep(limit) => None,
        }
    }

    /// Does what may block where it blocks nobody.
    pub(crate) fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match self {
            Self::Real => tokio::task::spawn_blocking(work),
            // Nothing in a simulation blocks, and another thread would come back when it likes.
            #[cfg(debug_assertions)]
            Self::Simulated(_) => tokio::spawn(async move { work() }),
        }
    }
}
