//! A world at rest: shops have published, five groups have done their work, and everything stands
//! still. It is copied for every experiment.

use std::{
    fs,
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use auditor::{Inputs, Report, Stores};
use client::Publisher;
use dispatch::{CarrierConfig, CarrierWorker};
use payment::event::Ask;
use runtime::{
    Answer, Attempt, Task, Worker,
    kafka::in_process::InProcessCluster,
    store::{Store, open},
};
use sandbox::Faults;
use schemas::{Encoder, domain::StockReceived, topics};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{
    copy::Copy,
    members::{provider, sandbox},
    registry,
};

const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(120);
const GROUPS: [&str; 5] = ["payment", "inventory", "dispatch", "analytics", "timeline"];

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) bootstrap_servers: String,
    pub(crate) folder: tempfile::TempDir,
    /// The cluster lives in a thread of its own until this is dropped.
    _cluster: mpsc::Sender<()>,
}

impl World {
    /// Publishes so many actions of simulated shops and waits until an audit is clean.
    pub(crate) fn build(actions: u64) -> Self {
        let world = Self::empty();
        world.runtime.block_on(world.live(actions));
        world
    }

    /// Topics, and nobody there yet.
    pub(crate) fn empty() -> Self {
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
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("stores")).unwrap();
        Self {
            runtime,
            publisher,
            bootstrap_servers,
            _cluster: cluster,
            folder,
        }
    }

    async fn live(&self, actions: u64) {
        let carrier = |address: &str| CarrierWorker::new(&CarrierConfig::new(address)).unwrap();
        let running = self.start(Faults::default(), provider, carrier).await;
        self.fill_shelves().await;
        self.publish(actions, None).await;
        self.until_clean().await;
        running.stop().await;
    }

    /// Waits until an audit is clean.
    pub(crate) async fn until_clean(&self) {
        self.until(Report::is_clean).await;
    }

    /// Waits until an audit says so; what it says then.
    pub(crate) async fn until(&self, is_reached: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.look(self.folder.path()).await;
            if is_reached(&report) {
                return report;
            }
            assert!(Instant::now() < deadline, "not at rest:\n{report}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Puts enough of everything on the shelves.
    pub(crate) async fn fill_shelves(&self) {
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
        // Between topics there is no order: who buys before inventory has read this finds nothing.
        let skus = simulator::catalogue::STOCKED_ITEMS;
        let deadline = Instant::now() + PATIENCE;
        while self.shelves_filled() < skus {
            assert!(Instant::now() < deadline, "the shelves are not filled");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn shelves_filled(&self) -> i64 {
        let path = self.folder.path().join("stores/inventory.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(path, flags);
        let count = |database: rusqlite::Connection| {
            database.query_row("SELECT count(*) FROM stock", [], |row| row.get(0))
        };
        database.and_then(count).unwrap_or_default()
    }

    /// A copy of everything but the topics.
    pub(crate) fn copy(&self) -> Copy {
        Copy::of(self.folder.path())
    }

    /// Has the provider hold and take money once more, under keys of its own.
    pub(crate) fn charge_again(&self, copy: &Copy, mut ask: Ask) {
        self.runtime.block_on(async {
            let stop = CancellationToken::new();
            let journal = copy.provider_journal();
            let (address, sandbox) = sandbox(journal, Faults::default(), &stop).await;
            let worker = provider(&address);
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
        auditor::audit(&self.inputs(folder), &mut |_| {}).await
    }

    /// The topics, together with what is in a folder.
    pub(crate) fn inputs(&self, folder: &Path) -> Inputs {
        Inputs {
            bootstrap_servers: self.bootstrap_servers.clone(),
            kafka_options: [].into(),
            stores: Stores {
                payment: store(folder, "payment"),
                inventory: store(folder, "inventory"),
                dispatch: store(folder, "dispatch"),
                analytics: store(folder, "analytics"),
                timeline: store(folder, "timeline"),
            },
            codec: registry::codec(true),
            provider_journal: Some(folder.join("provider")),
            intents: Some(folder.join("intents")).filter(|path| path.exists()),
            grace: Duration::ZERO,
            scratch: None,
            journal_retention: Duration::from_secs(3_600),
            now: now(),
        }
    }

    /// Audits the world together with a copy; the error, when it cannot look.
    pub(crate) fn cannot_look(&self, copy: &Copy) -> auditor::AuditError {
        let looked = self.runtime.block_on(self.try_look(copy.folder()));
        looked.expect_err("it looked")
    }
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

pub(crate) fn store(folder: &Path, group: &str) -> Arc<dyn Store> {
    let url = format!("sqlite://{}", folder.join("stores").display());
    open(&url, group).unwrap()
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
