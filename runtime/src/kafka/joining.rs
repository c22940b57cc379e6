//! Joining the group, and joining it anew when the group knows another client under this member's name.
//!
//! A static member keeps its name over restarts. It loses it while it runs in two ways: it was cut off for
//! longer than its session and has joined again without hearing the answer, so that the client still goes by
//! what it was before; or a second process was started under the same name. librdkafka calls both fatal
//! (FENCED_INSTANCE_ID) and does nothing more with that client. Neither is a reason to end the process: the
//! first is over with a new client, and in the second a process that is started anew would do the same
//! without a pause. So a new client joins, after a wait that grows while the name is being taken from it again
//! and again: two of one name take turns instead of keeping each other from working.
//!
//! What stays true: a client that is given up tells nobody anything more, and what it read is lost to it,
//! as after a session that has passed; the epochs fence what was begun.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::sync::mpsc;

use super::{options, poll::PollEvent, rebalance::Context};
use crate::{config::Config, lane::backoff, status::Status, wait::Wait};

/// The wait before the first new client: the broker hears of no name more often than this.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// After so many sessions without being fenced, the next time counts as the first.
const FORGIVEN_SESSIONS: u32 = 10;

/// What a client is made of.
pub(super) struct Joining {
    client: ClientConfig,
    topics: Vec<String>,
    events: mpsc::UnboundedSender<PollEvent>,
    status: Arc<Status>,
    drain_timeout: Duration,
    session_timeout: Duration,
    times: Times,
    wait: Wait,
}

impl Joining {
    pub(super) fn new(
        config: &Config,
        group: &str,
        topics: &[String],
        events: mpsc::UnboundedSender<PollEvent>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            client: options::consumer(config, group),
            topics: topics.to_vec(),
            events,
            wait: Wait::new("membership", Arc::clone(&status)),
            status,
            drain_timeout: config.drain_timeout,
            session_timeout: config.session_timeout,
            times: Times::default(),
        }
    }

    /// A client that is on its way into the group.
    pub(super) fn join(&mut self) -> Result<BaseConsumer<Context>, KafkaError> {
        let context = Context::new(
            self.events.clone(),
            self.drain_timeout,
            Arc::clone(&self.status),
        );
        let consumer: BaseConsumer<Context> = self.client.create_with_context(context)?;
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names)?;
        self.wait.over();
        Ok(consumer)
    }

    /// Takes back what a fenced client had; returns how long to wait before the next joins.
    pub(super) fn give_up(&mut self, fenced: &BaseConsumer<Context>, why: &str) -> Duration {
        tracing::error!(
            why,
            "fenced: this member was away for longer than its session, or another process has its name"
        );
        self.wait.on("fenced", why);
        fenced.context().lose();
        let forgiven = self.session_timeout * FORGIVEN_SESSIONS;
        let times = self.times.fenced(Instant::now(), forgiven);
        backoff((FIRST_WAIT, self.session_timeout.max(FIRST_WAIT)), times)
    }
}

/// Closes a client that was given up. It may wait for a broker that is away, so nobody waits for it.
pub(super) fn close(fenced: BaseConsumer<Context>) {
    let closing = std::thread::Builder::new().name("fenced-client".to_owned());
    if let Err(error) = closing.spawn(move || drop(fenced)) {
        tracing::warn!(%error, "a fenced client was closed on the poll thread");
    }
}

/// Whether the client is dead because the group knows another one under its name.
pub(super) fn is_fenced(consumer: &BaseConsumer<Context>) -> Option<String> {
    let (code, reason) = consumer.client().fatal_error()?;
    (code == RDKafkaErrorCode::FencedInstanceId).then_some(reason)
}

impl Context {
    /// What this client was given is not its own any more, and it is not heard again.
    fn lose(&self) {
        let owned: Vec<_> = super::rebalance::lock(&self.owned)
            .iter()
            .cloned()
            .collect();
        if !owned.is_empty() {
            self.drain(&owned, true);
        }
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// How often a name was taken, of late.
#[derive(Debug, Default)]
struct Times {
    last: Option<Instant>,
    before: u32,
}

impl Times {
    /// Counts one; returns how many came before it.
    fn fenced(&mut self, now: Instant, forgiven: Duration) -> u32 {
        let is_recent = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < forgiven);
        self.before = match is_recent {
            true => self.before.saturating_add(1),
            false => 0,
        };
        self.last = Some(now);
        self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_again_and_again_is_asked_for_less_and_less_often() {
        let (mut times, forgiven) = (Times::default(), Duration::from_secs(100));
        let start = Instant::now();
        let mut at = |seconds| times.fenced(start + Duration::from_secs(seconds), forgiven);
        assert_eq!([at(0), at(1), at(90), at(189)], [0, 1, 2, 3]);
        assert_eq!([at(289), at(300)], [0, 1]);
    }
}
