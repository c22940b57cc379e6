//! `counterflow audit --follow`: round after round until told to stop. What is away is waited for and
//! said; what is broken is said at once and never taken back.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use auditor::{AuditError, Follower, Round, State};
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use super::{
    Arguments,
    ended::Ended,
    inputs,
    live::{Live, Seen},
    metrics::Metrics,
    now,
};
use crate::{
    admin::{self, AdminServer},
    config::{Config, Origin},
    context::Context,
    exit::End,
    shutdown,
};

/// Between two rounds, unless it is said or they take long.
const EVERY: Duration = Duration::from_secs(5);
/// As many times as a round took nobody looks: snapshots hold back what a database clears away.
const REST: u32 = 3;

pub(super) async fn run(
    context: &Context,
    config: &Config,
    asked: &Arguments,
) -> anyhow::Result<End> {
    let stop = shutdown::on_signals()?;
    let registry = Registry::new();
    let metrics = Metrics::new(&registry).context("register the metrics")?;
    let admin = serve(context, config, registry).await?;
    // The longest that anybody in the shop waits for another by the deadlines: for answers, and then
    // for what was reserved last to lapse.
    let deadlines = &config.deadlines;
    let grace = (deadlines.answers).saturating_add(deadlines.reservation);
    let inputs = tokio::select! {
        inputs = inputs(config, asked, grace) => inputs?,
        () = stop.cancelled() => return Err(AuditError::Stopped.into()),
    };
    let mut following = Following {
        follower: Follower::new(inputs),
        metrics,
        live: Live::new(asked.json),
        every: asked.every,
        last: None,
        unseen: None,
    };
    let rounds = following.rounds(&stop).await?;
    drop(admin);
    following.end(rounds)
}

/// Probes and metrics, where somebody has said at which address.
async fn serve(
    context: &Context,
    config: &Config,
    registry: Registry,
) -> anyhow::Result<Option<AdminServer>> {
    let settings = context.load(&[])?.effective;
    let is_set = settings
        .iter()
        .any(|line| line.key == "admin.listen" && line.origin != Origin::Default.to_string());
    if !is_set {
        return Ok(None);
    }
    let probes = admin::plain_probes(Arc::new(AtomicBool::new(false)));
    let router = probes.merge(super::metrics::route(registry));
    AdminServer::start(config.admin.listen, router)
        .await
        .map(Some)
}

struct Following {
    follower: Follower,
    metrics: Metrics,
    live: Live,
    every: Option<Duration>,
    /// The last round that could look, and when it was.
    last: Option<(Round, i64)>,
    /// Why the last round could not look.
    unseen: Option<AuditError>,
}

impl Following {
    /// Looks until told to stop; how many rounds there were.
    async fn rounds(&mut self, stop: &CancellationToken) -> anyhow::Result<u64> {
        let mut rounds = 0;
        loop {
            let (started, now) = (Instant::now(), now());
            let looked = tokio::select! {
                looked = self.follower.round(now) => looked,
                () = stop.cancelled() => return Ok(rounds),
            };
            rounds += 1;
            let seen = Seen {
                round: rounds,
                at: now,
                took: started.elapsed(),
            };
            self.say(&seen, looked)?;
            tokio::select! {
                () = tokio::time::sleep(pause(self.every, seen.took)) => {}
                () = stop.cancelled() => return Ok(rounds),
            }
        }
    }

    fn say(&mut self, seen: &Seen, looked: Result<Round, AuditError>) -> anyhow::Result<()> {
        match looked {
            Ok(round) => {
                if self.unseen.take().is_some() {
                    tracing::warn!("everything can be looked at again");
                }
                let state = self.follower.state();
                self.metrics.looked(seen, &round, state);
                let said = self.live.looked(seen, &round, state);
                self.last = Some((round, seen.at));
                said
            }
            Err(error) => {
                self.metrics.could_not_look(seen.at);
                let said = self.live.could_not_look(seen, &error);
                self.unseen = Some(error);
                said
            }
        }
    }

    /// What everything has come to.
    fn end(mut self, rounds: u64) -> anyhow::Result<End> {
        let ended = Ended {
            rounds,
            state: self.follower.state(),
            last: self.last.as_ref(),
            is_unseen: self.unseen.is_some() || self.last.is_none(),
        };
        self.live.end(&ended)?;
        let is_explained = ended.is_explained();
        match self.unseen {
            _ if self.follower.state() != State::Clean => Ok(End::No),
            Some(error) => Err(error.into()),
            None if self.last.is_none() => Err(AuditError::Stopped.into()),
            None if is_explained => Ok(End::Done),
            None => Ok(End::NotYet),
        }
    }
}

/// How long nobody looks after a round.
fn pause(every: Option<Duration>, took: Duration) -> Duration {
    every.unwrap_or_else(|| EVERY.max(took.saturating_mul(REST)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{EVERY, pause};

    #[test]
    fn long_rounds_are_rarer_unless_somebody_says_how_often() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(None, second), EVERY);
        assert_eq!(pause(None, 60 * second), 180 * second);
        assert_eq!(pause(Some(second), 60 * second), second);
        assert_eq!(pause(None, Duration::MAX), Duration::MAX);
    }
}
