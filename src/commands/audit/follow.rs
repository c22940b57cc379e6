//! `counterflow audit --follow`: round after round until told to stop. What is away is waited for and
//! said; what is broken is said at once and never taken back.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use auditor::{AuditError, Follower, Round};
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use super::{
    Arguments, inputs,
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

/// Without --grace nothing is ever too old.
const NO_LIMIT: Duration = Duration::MAX;

pub(super) async fn run(
    context: &Context,
    config: &Config,
    asked: &Arguments,
) -> anyhow::Result<End> {
    let stop = shutdown::on_signals()?;
    let registry = Registry::new();
    let metrics = Metrics::new(&registry).context("register the metrics")?;
    let admin = serve(context, config, registry).await?;
    let inputs = tokio::select! {
        inputs = inputs(config, asked, NO_LIMIT) => inputs?,
        () = stop.cancelled() => return Ok(End::Done),
    };
    let mut following = Following {
        follower: Follower::new(inputs),
        metrics,
        live: Live::new(asked.json),
        every: asked.every,
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
    every: Duration,
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
                () = tokio::time::sleep(self.every) => {}
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
                self.metrics.looked(seen, &round, self.follower.is_broken());
                self.live.looked(seen, &round, self.follower.is_broken())
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
        let is_broken = self.follower.is_broken();
        self.live.end(rounds, is_broken, self.unseen.is_some())?;
        match self.unseen {
            _ if is_broken => Ok(End::No),
            Some(error) => Err(error.into()),
            None => Ok(End::Done),
        }
    }
}
