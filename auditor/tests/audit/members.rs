//! The five groups and the sandbox of a world, while they run.

use std::{path::PathBuf, sync::Arc, time::Duration};

use analytics::Windows;
use codec::Codec;
use payment::{ProviderConfig, ProviderWorker};
use runtime::{Config, Group, NoTasks, Service, Worker};
use sandbox::Faults;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::world::{World, store};

const API_KEY: &str = "sk_test_audit";

/// The times that the groups keep.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    pub(crate) inventory: inventory::Deadlines,
    pub(crate) dispatch: dispatch::Deadlines,
}

/// Whoever runs, until it is stopped.
pub(crate) struct Running {
    stop: CancellationToken,
    ended: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for one in self.ended {
            one.await.unwrap();
        }
    }
}

impl World {
    /// Starts the sandbox and the five groups, with workers that are told where the sandbox is.
    pub(crate) async fn start<P: Worker, C: Worker>(
        &self,
        faults: Faults,
        provider: impl FnOnce(&str) -> P,
        carrier: impl FnOnce(&str) -> C,
    ) -> Running {
        self.start_with(Codec::without_registry(), faults, provider, carrier)
            .await
    }

    /// The same with groups that read by this codec.
    pub(crate) async fn start_with<P: Worker, C: Worker>(
        &self,
        codec: Codec,
        faults: Faults,
        provider: impl FnOnce(&str) -> P,
        carrier: impl FnOnce(&str) -> C,
    ) -> Running {
        let deadlines = Deadlines::default();
        self.start_by(deadlines, codec, faults, provider, carrier)
            .await
    }

    /// The same by deadlines of its own.
    pub(crate) async fn start_by<P: Worker, C: Worker>(
        &self,
        deadlines: Deadlines,
        codec: Codec,
        faults: Faults,
        provider: impl FnOnce(&str) -> P,
        carrier: impl FnOnce(&str) -> C,
    ) -> Running {
        let stop = CancellationToken::new();
        let journal = self.folder.path().join("provider");
        let (address, sandbox) = sandbox(journal, faults, &stop).await;
        let codec = Arc::new(codec);
        let payment = payment::PaymentGroup::new(Arc::clone(&codec), "pm_card_visa");
        let inventory = inventory::InventoryGroup::new(Arc::clone(&codec), deadlines.inventory);
        let dispatch = dispatch::DispatchGroup::new(Arc::clone(&codec), deadlines.dispatch);
        let analytics = analytics::Analytics::new(Arc::clone(&codec), Windows::default());
        let timeline = timeline::Timeline::new(codec);
        let ended = vec![
            sandbox,
            self.member(payment, provider(&address), &stop).await,
            self.member(inventory, NoTasks, &stop).await,
            self.member(dispatch, carrier(&address), &stop).await,
            self.member(analytics, NoTasks, &stop).await,
            self.member(timeline, NoTasks, &stop).await,
        ];
        Running { stop, ended }
    }

    async fn member<G: Group, W: Worker>(
        &self,
        group: G,
        worker: W,
        stop: &CancellationToken,
    ) -> JoinHandle<()> {
        let store = store(self.folder.path(), G::NAME);
        runtime::migrate(&group, store.as_ref()).await.unwrap();
        let mut config = Config::new(self.bootstrap_servers.clone(), G::NAME);
        config.session_timeout = Duration::from_secs(6);
        config.tick = Duration::from_millis(50);
        let service = Service::new(group, worker, store, config);
        let stop = stop.clone().cancelled_owned();
        tokio::spawn(async move { service.run(stop).await.unwrap() })
    }
}

/// Payment's worker: the search of this sandbox is never behind.
pub(crate) fn provider(address: &str) -> ProviderWorker {
    let mut config = ProviderConfig::new(address, API_KEY);
    config.search_lag = Duration::ZERO;
    ProviderWorker::new(&config).unwrap()
}

/// The provider and the carrier, with their journal in a folder; where they listen.
pub(crate) async fn sandbox(
    journal: PathBuf,
    faults: Faults,
    stop: &CancellationToken,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut config = sandbox::Config::new(journal);
    config.api_key = Some(API_KEY.to_owned());
    config.search_delay = Duration::ZERO;
    config.faults = faults;
    let stop = stop.clone().cancelled_owned();
    let running = tokio::spawn(async move { sandbox::run(listener, config, stop).await.unwrap() });
    (address, running)
}
