//! Waiting for a condition with a deadline: the only way in which a test waits. A sleep is either too
//! short on a slow machine or wasted on a fast one; a condition is neither, and says what was missing.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long to leave a condition alone between two looks at it.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `condition` gives a value.
///
/// # Errors
/// When the deadline has passed: what was awaited, and for how long.
pub fn within<T>(
    deadline: Duration,
    awaited: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        let left = deadline.saturating_sub(started.elapsed());
        if left.is_zero() {
            anyhow::bail!("not within {deadline:?}: {awaited}");
        }
        thread::sleep(POLL_INTERVAL.min(left));
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// When the deadline has passed, naming what was awaited: a test that waits in vain has failed.
#[track_caller]
pub fn eventually(deadline: Duration, awaited: &str, mut condition: impl FnMut() -> bool) {
    if let Err(late) = within(deadline, awaited, || condition().then_some(())) {
        panic!("{late}");
    }
}

/// Waits until the future that `condition` makes gives a value; it is made anew for every look.
///
/// # Errors
/// When the deadline has passed: what was awaited, and for how long.
pub async fn within_async<T>(
    deadline: Duration,
    awaited: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let looking = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    (tokio::time::timeout(deadline, looking).await)
        .map_err(|_| anyhow::anyhow!("not within {deadline:?}: {awaited}"))
}

/// Waits for a future from blocking code, also from within a test that is itself asynchronous.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .expect("a runtime of one thread starts")
                .block_on(future)
        });
        waiting.join().expect("the future did not panic")
    })
}
