//! A world at rest: shops have published, five groups have done their work, and everything stands
//! still. It is copied for every experiment.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use analytics::Windows;
use auditor::{Inputs, Report, Stores};
use client::Publisher;
use codec::Codec;
use payment::{ProviderConfig, ProviderWorker, event::Ask};
use runtime::{
    Answer, Attempt, Config, Group, NoTasks, Service, Task, Worker,
    kafka::in_process::InProcessCluster,
    store::{Store, open},
};
use schemas::{Encoder, domain::StockReceived, topics};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::copy::Copy;

const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(120);
const API_KEY: &str = "sk_test_audit";
const GROUPS: [&str; 5] = ["payment", "inventory", "dispatch", "analytics", "timeline"];

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) publisher: Arc<Publisher>,
    bootstrap_servers: String,
    folder: tempfile::TempDir,
    /// The cluster lives in a thread of its own until this is dropped.
    _cluster: mpsc::Sender<()>,
}

impl World {
    /// Publishes so many actions of simulated shops and waits until an audit is clean.
    pub(crate) fn build(actions: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let (bootstrap_servers, cluster) = cluster();
        let config = client::Config {
            publish_timeout: PATIENCE,
            ..client::Config::new(&bootstrap_servers)
        };
        let registry = prometheus::Registry::new();
        let publisher = {
            let _inside = runtime.enter();
            Arc::new(Publisher::open(&config, &registry).unwrap())
        };
        let world = Self {
            runtime,
            publisher,
            bootstrap_servers,
            _cluster: cluster,
            folder: tempfile::tempdir().unwrap(),
        };
        world.runtime.block_on(world.live(actions));
        world
    }

    async fn live(&self, actions: u64) {
        let stop = CancellationToken::new();
        let mut running = Vec::new();
        fs::create_dir_all(self.folder.path().join("stores")).unwrap();
        let (address, sandbox) = sandbox(self.folder.path().join("provider"), &stop).await;
        running.push(sandbox);
        let codec = Arc::new(Codec::without_registry());
        let pay = ProviderWorker::new(&ProviderConfig::new(&address, API_KEY)).unwrap();
        let carry = dispatch::CarrierWorker::new(&dispatch::CarrierConfig::new(&address)).unwrap();
        let payment = payment::PaymentGroup::new(Arc::clone(&codec), "pm_card_visa");
        let inventory =
            inventory::InventoryGroup::new(Arc::clone(&codec), inventory::Deadlines::default());
        let dispatch =
            dispatch::DispatchGroup::new(Arc::clone(&codec), dispatch::Deadlines::default());
        let analytics = analytics::Analytics::new(Arc::clone(&codec), Windows::default());
        let timeline = timeline::Timeline::new(codec);
        running.push(self.member(payment, pay, &stop).await);
        running.push(self.member(inventory, NoTasks, &stop).await);
        running.push(self.member(dispatch, carry, &stop).await);
        running.push(self.member(analytics, NoTasks, &stop).await);
        running.push(self.member(timeline, NoTasks, &stop).await);
        self.publish(actions).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.look(self.folder.path()).await;
            if report.is_clean() {
                break;
            }
            assert!(Instant::now() < deadline, "not at rest:\n{report}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        stop.cancel();
        for one in running {
            one.await.unwrap();
        }
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

    async fn publish(&self, actions: u64) {
        let encoder = Encoder::new();
        for (number, sku) in simulator::catalogue::stocked_skus().enumerate() {
            let received = StockReceived {
                event_id: format!("receipt-{number}"),
                sku,
                occurred_at: now(),
                causation_id: None,
                quantity: 1_000,
            };
            client::stock::stock_received(&self.publisher, &encoder, received)
                .await
                .unwrap();
        }
        let mut plan = simulator::Plan::new(7, now());
        plan.count = Some(actions);
        plan.shares = simulator::Shares {
            duplicates: 0.05,
            conflicts: 0.03,
            declined: 0.05,
            out_of_stock: 0.05,
            cancelled: 0.05,
            cancelled_early: 0.03,
            poison: 0.03,
            ..plan.shares
        };
        let ways = simulator::Ways {
            publisher: Arc::clone(&self.publisher),
            encoder,
            storefront: None,
            journal: Some(self.folder.path().join("intents")),
            shows_progress: false,
        };
        simulator::run(&plan, ways, std::future::pending())
            .await
            .unwrap();
    }

    /// A copy of everything but the topics.
    pub(crate) fn copy(&self) -> Copy {
        Copy::of(self.folder.path())
    }

    /// Has the provider hold and take money once more, under keys of its own.
    pub(crate) fn charge_again(&self, copy: &Copy, mut ask: Ask) {
        self.runtime.block_on(async {
            let stop = CancellationToken::new();
            let (address, sandbox) = sandbox(copy.provider_journal(), &stop).await;
            let worker = ProviderWorker::new(&ProviderConfig::new(&address, API_KEY)).unwrap();
            for call in ["authorise", "capture"] {
                let task = Task {
                    task_id: format!("again:{call}"),
                    shard: 0,
                    sequence: 1,
                    key: ask.purchase_id.clone(),
                    kind: call.to_owned(),
                    payload: serde_json::to_value(&ask).unwrap(),
                    causation_id: String::new(),
                    traceparent: None,
                    created_at: now(),
                    attempts: 0,
                };
                let Attempt::Answered(Answer(answer)) = worker.perform(&task).await else {
                    panic!("{call} was not answered");
                };
                ask.provider_ref = answer["intent"].as_str().map(str::to_owned);
                assert!(ask.provider_ref.is_some(), "{answer}");
            }
            stop.cancel();
            sandbox.await.unwrap();
        });
    }

    /// Audits the topics together with a copy.
    pub(crate) fn audit(&self, copy: &Copy) -> Report {
        self.runtime.block_on(self.look(copy.folder()))
    }

    async fn look(&self, folder: &Path) -> Report {
        self.try_look(folder).await.unwrap()
    }

    async fn try_look(&self, folder: &Path) -> Result<Report, auditor::AuditError> {
        let inputs = Inputs {
            bootstrap_servers: self.bootstrap_servers.clone(),
            kafka_options: [].into(),
            stores: Stores {
                payment: store(folder, "payment"),
                inventory: store(folder, "inventory"),
                dispatch: store(folder, "dispatch"),
                analytics: store(folder, "analytics"),
                timeline: store(folder, "timeline"),
            },
            codec: Codec::without_registry(),
            provider_journal: Some(folder.join("provider")),
            intents: Some(folder.join("intents")),
            grace: Duration::ZERO,
            journal_retention: Duration::from_secs(3_600),
            now: now(),
        };
        auditor::audit(&inputs, &mut |_| {}).await
    }

    /// Audits the world together with a copy; the error, when it cannot look.
    pub(crate) fn cannot_look(&self, copy: &Copy) -> auditor::AuditError {
        let looked = self.runtime.block_on(self.try_look(copy.folder()));
        looked.expect_err("it looked")
    }
}

/// The provider and the carrier, with their journal in a folder; where they listen.
async fn sandbox(journal: PathBuf, stop: &CancellationToken) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut config = sandbox::Config::new(journal);
    config.api_key = Some(API_KEY.to_owned());
    let stop = stop.clone().cancelled_owned();
    let running = tokio::spawn(async move { sandbox::run(listener, config, stop).await.unwrap() });
    (address, running)
}

/// A cluster with all topics, in a thread of its own: it cannot be sent to another. Returns where
/// it listens, and what keeps it alive.
fn cluster() -> (String, mpsc::Sender<()>) {
    let (alive, dropped) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let cluster = InProcessCluster::start().unwrap();
        let dead_letters = GROUPS.map(|group| format!("shop.{group}.dead-letters.v1"));
        let shared = [
            topics::PURCHASES,
            topics::PAYMENTS,
            topics::RESERVATIONS,
            topics::SHIPMENTS,
            topics::STOCK,
        ];
        for name in dead_letters.into_iter().chain(shared.map(str::to_owned)) {
            cluster.create_topic(&name, PARTITIONS).unwrap();
        }
        tell.send(cluster.bootstrap_servers()).unwrap();
        dropped.recv().unwrap_err();
    });
    (told.recv().unwrap(), alive)
}

fn store(folder: &Path, group: &str) -> Arc<dyn Store> {
    let url = format!("sqlite://{}", folder.join("stores").display());
    open(&url, group).unwrap()
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
