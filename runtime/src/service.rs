//! A running member: threads, lanes, probes, and the order in which they start and stop.

use std::{
    future::Future,
    sync::{Arc, atomic::AtomicI32},
    time::{Duration, Instant},
};

use prometheus::Registry;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    bookkeeping,
    broker::Broker,
    config::Config,
    group::Group,
    intake::Intake,
    kafka::{PollEvent, PollThread, Publisher},
    lane::{Lane, LaneEvent, Shared, backoff},
    machine::Machine,
    member::Member,
    metrics::Metrics,
    status::Status,
    store::{MigrationError, Store, StoreError},
    task::Worker,
    wait::Wait,
};

/// How often what a member knows of itself is looked at.
const REFRESH: Duration = Duration::from_secs(1);

/// Why a member ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration contradicts itself; every contradiction is named.
    #[error("the configuration cannot work: {}", .0.join("; "))]
    Configuration(Vec<String>),
    /// Something that a restart may mend and waiting will not.
    #[error("cannot go on: {0}")]
    Fatal(String),
    /// The shutdown took longer than its time-out; what was not published will be by the next owner.
    #[error("shutdown not finished within {0:?}")]
    ShutdownTimeout(Duration),
}

/// A member of a group, ready to run.
pub struct Service<G, W> {
    group: G,
    worker: W,
    store: Arc<dyn Store>,
    config: Config,
    status: Arc<Status>,
    registry: Registry,
    resumed: Arc<tokio::sync::Notify>,
    machine: Machine,
}

impl<G: Group, W: Worker> Service<G, W> {
    /// Wires a group to its database.
    pub fn new(group: G, worker: W, store: Arc<dyn Store>, config: Config) -> Self {
        Self {
            group,
            worker,
            store,
            config,
            status: Arc::default(),
            registry: Registry::new(),
            resumed: Arc::default(),
            machine: Machine::Real,
        }
    }

    /// Runs on another machine than the real one.
    #[cfg(debug_assertions)]
    pub(crate) fn on(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// Uses a registry that is shared with others.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// What the member knows about itself, while it runs.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Notify it to go on after too many dead letters.
    #[must_use]
    pub fn resumed(&self) -> Arc<tokio::sync::Notify> {
        Arc::clone(&self.resumed)
    }

    /// Runs until `shutdown` resolves, then stops intake, finishes or rolls back what is under way,
    /// publishes what is committed and leaves the group.
    ///
    /// # Errors
    /// [`RunError`] when the configuration cannot work or the member cannot go on.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
        self.run_on(shutdown, Connected::to_kafka).await
    }

    /// Runs on connections that are made once the database is migrated.
    pub(crate) async fn run_on(
        self,
        shutdown: impl Future<Output = ()> + Send,
        connect: impl FnOnce(&Self) -> Result<Connected, RunError>,
    ) -> Result<(), RunError> {
        let mistakes = self.config.mistakes();
        if !mistakes.is_empty() {
            return Err(RunError::Configuration(mistakes));
        }
        let mut shutdown = std::pin::pin!(shutdown);
        tokio::select! {
            ready = self.until_migrated() => ready?,
            () = &mut shutdown => return Ok(()),
        }
        let resumed = Arc::clone(&self.resumed);
        let connected = connect(&self)?;
        let mut running = Running::start(self, connected)?;
        running.serve(shutdown, &resumed).await
    }

    /// The migrations that are not applied.
    async fn missing(&self) -> Result<Vec<String>, MigrationError> {
        let own = self
            .store
            .pending(bookkeeping::COMPONENT, bookkeeping::MIGRATIONS)
            .await?;
        let groups = self.store.pending(G::NAME, self.group.migrations()).await?;
        Ok(own
            .iter()
            .chain(&groups)
            .map(|one| format!("{} {}", one.number, one.name))
            .collect())
    }

    /// The database may be away, and its tables may be another's to create: both are waited for.
    async fn until_migrated(&self) -> Result<(), RunError> {
        let mut tries = 0;
        let mut wait = Wait::new("start", Arc::clone(&self.status));
        loop {
            match self.missing().await {
                Ok(missing) if missing.is_empty() => {
                    wait.over();
                    return Ok(());
                }
                Ok(missing) => wait.on("migrations", &missing.join(", ")),
                Err(MigrationError::Store(StoreError::Transient(why))) => wait.on("database", &why),
                Err(error) => return Err(RunError::Fatal(error.to_string())),
            }
            // Nothing polls yet, and nothing has to: that the process waits here is declared.
            self.status.polled();
            (self.machine.sleep(backoff(self.config.backoff, tries))).await;
            tries = tries.saturating_add(1);
        }
    }
}

/// Brings the tables of the runtime and of a group up to date; returns how many steps it took.
///
/// # Errors
/// See [`MigrationError`].
pub async fn migrate<G: Group>(group: &G, store: &dyn Store) -> Result<usize, MigrationError> {
    let own = store
        .migrate(bookkeeping::COMPONENT, bookkeeping::MIGRATIONS)
        .await?;
    Ok(own + store.migrate(G::NAME, group.migrations()).await?)
}

/// What connects a member to Kafka.
pub(crate) struct Connected {
    /// One per lane.
    pub(crate) intakes: Vec<Arc<Intake>>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) poll: PollThread,
    pub(crate) from_poll: mpsc::UnboundedReceiver<PollEvent>,
}

impl Connected {
    fn to_kafka<G: Group, W: Worker>(service: &Service<G, W>) -> Result<Self, RunError> {
        let fatal = |error: &dyn std::fmt::Display| RunError::Fatal(error.to_string());
        let config = &service.config;
        let intakes = Intake::of_lanes(config);
        let publisher = Publisher::new(config, &intakes).map_err(|error| fatal(&error))?;
        let (poll, from_poll) = PollThread::start(
            config,
            G::NAME,
            &service.group.topics(),
            intakes.clone(),
            Arc::clone(&service.status),
        )
        .map_err(|error| fatal(&error))?;
        Ok(Self {
            intakes,
            broker: Arc::new(publisher),
            poll,
            from_poll,
        })
    }
}

/// A member whose threads and lanes run.
struct Running<G> {
    shared: Arc<Shared<G>>,
    member: Member<G>,
    from_poll: mpsc::UnboundedReceiver<PollEvent>,
    from_lanes: mpsc::UnboundedReceiver<LaneEvent>,
    lanes: JoinSet<()>,
    ending: Option<Instant>,
}

impl<G: Group> Running<G> {
    fn start<W: Worker>(service: Service<G, W>, connected: Connected) -> Result<Self, RunError> {
        let Service {
            group,
            worker,
            store,
            config,
            status,
            registry,
            machine,
            ..
        } = service;
        let Connected {
            intakes,
            broker,
            poll,
            from_poll,
        } = connected;
        let metrics = Metrics::register(&registry, G::NAME)
            .map_err(|error| RunError::Fatal(error.to_string()))?;
        let topics = group.topics();
        let (events, from_lanes) = mpsc::unbounded_channel();
        let metrics = Arc::new(metrics);
        let shared = Arc::new(Shared {
            group,
            config,
            topics,
            store,
            broker,
            machine,
            status,
            metrics,
            events,
            // Counted before any shard is taken.
            partitions: AtomicI32::new(0),
        });
        let worker = Arc::new(worker);
        let mut lanes = JoinSet::new();
        let mut controls = Vec::new();
        for (number, intake) in intakes.into_iter().enumerate() {
            let (control, told) = mpsc::unbounded_channel();
            controls.push(control);
            let (shared, worker) = (Arc::clone(&shared), Arc::clone(&worker));
            lanes.spawn(Lane::new(number, shared, intake, told, worker).run());
        }
        let member = Member::new(Arc::clone(&shared), poll, controls);
        Ok(Self {
            shared,
            member,
            from_poll,
            from_lanes,
            lanes,
            ending: None,
        })
    }

    async fn serve(
        &mut self,
        mut shutdown: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
        resumed: &tokio::sync::Notify,
    ) -> Result<(), RunError> {
        let mut refresh_at = self.shared.machine.instant();
        let outcome = loop {
            let take_at = self.member.take_at();
            let turn = tokio::select! {
                biased;
                () = &mut shutdown, if self.ending.is_none() => {
                    self.stop();
                    Ok(false)
                }
                event = self.from_poll.recv() => self.polled(event).await,
                Some(event) = self.from_lanes.recv() => self.told(event),
                Some(Err(error)) = self.lanes.join_next() => Err(format!("a lane ended: {error}")),
                () = resumed.notified() => {
                    self.member.resume();
                    Ok(false)
                }
                () = self.shared.machine.until(take_at), if take_at.is_some() && self.ending.is_none() => {
                    self.member.take().await.map(|()| false)
                }
                () = self.shared.machine.until(Some(refresh_at)) => {
                    refresh_at = self.shared.machine.instant() + REFRESH;
                    self.member.watch().await;
                    self.refresh()
                }
            };
            match turn {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(why) => break Err(RunError::Fatal(why)),
            }
            if self
                .ending
                .is_some_and(|ending| self.shared.machine.instant() >= ending)
            {
                break Err(RunError::ShutdownTimeout(
                    self.shared.config.shutdown_timeout,
                ));
            }
        };
        self.shared.broker.purge();
        outcome
    }

    fn stop(&mut self) {
        tracing::info!("stopping");
        self.shared.status.drain();
        self.ending = Some(self.shared.machine.instant() + self.shared.config.shutdown_timeout);
        self.member.stop();
    }

    async fn polled(&mut self, event: Option<PollEvent>) -> Result<bool, String> {
        match event {
            Some(event) => self.member.follow(event).await.map(|()| false),
            None if self.ending.is_some() => Ok(true),
            None => Err("the poll thread has ended".to_owned()),
        }
    }

    fn told(&mut self, event: LaneEvent) -> Result<bool, String> {
        match event {
            LaneEvent::Fenced => {
                self.member.fenced();
                Ok(false)
            }
            LaneEvent::Decided => {
                self.member.decided();
                Ok(false)
            }
            LaneEvent::Fatal(why) => Err(why),
        }
    }

    fn refresh(&self) -> Result<bool, String> {
        self.shared.metrics.refresh(&self.shared.status);
        match self.shared.broker.fatal_error() {
            Some(why) => Err(why),
            None => Ok(self.ending.is_some() && self.member.has_left()),
        }
    }
}
