//! A world at rest: shops have published, five groups have done their work, and everything stands
//! still. It is copied for every experiment.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use analytics::Windows;
use auditor::{Inputs, Report, Stores};
use client::Publisher;
use codec::Codec;
use payment::{ProviderConfig, ProviderWorker};
use runtime::{
    Config, Group, NoTasks, Service, Worker,
    kafka::in_process::InProcessCluster,
    store::{Store, open},
};
use schemas::{Encoder, domain::StockReceived, topics};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;

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

/// What an experiment may change: databases, the provider's journal, the journal of intents.
pub(crate) struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    pub(crate) fn provider_journal(&self) -> PathBuf {
        self.folder.path().join("provider")
    }

    pub(crate) fn intents(&self) -> PathBuf {
        self.folder.path().join("intents")
    }

    /// A connection to a group's database that keeps no constraint and fires no trigger.
    fn lawless(&self, group: &str) -> rusqlite::Connection {
        let path = self
            .folder
            .path()
            .join("stores")
            .join(format!("{group}.db"));
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
            .unwrap();
        let mut triggers = connection
            .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .unwrap();
        let names = triggers.query_map([], |row| row.get(0)).unwrap();
        let names: Vec<String> = names.map(Result::unwrap).collect();
        drop(triggers);
        for name in names {
            connection
                .execute_batch(&format!("DROP TRIGGER {name}"))
                .unwrap();
        }
        connection
    }

    /// Changes rows of a group's database, and at least one.
    pub(crate) fn change(&self, group: &str, sql: &str) {
        let changed = self.lawless(group).execute(sql, []).unwrap();
        assert!(changed > 0, "{sql} changes nothing");
    }

    /// One text of a group's database.
    pub(crate) fn ask(&self, group: &str, sql: &str) -> String {
        let answer = self.lawless(group).query_row(sql, [], |row| row.get(0));
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// A purchase that was paid by card and delivered.
    pub(crate) fn captured(&self) -> String {
        let sql = "SELECT purchase_id FROM payments WHERE state = 'captured' AND card_minor > 0 \
                   ORDER BY purchase_id LIMIT 1";
        self.ask("payment", sql)
    }
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        fs::create_dir_all(self.folder.path().join("stores")).unwrap();
        let mut provider = sandbox::Config::new(self.folder.path().join("provider"));
        provider.api_key = Some(API_KEY.to_owned());
        let token = stop.clone().cancelled_owned();
        let sandbox =
            tokio::spawn(async move { sandbox::run(listener, provider, token).await.unwrap() });
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

    /// Copies a folder of which nobody writes any more. Connections are closed by threads of their
    /// own, and the last one folds its log into the database and removes it: a copy during which a
    /// file came or went is taken again.
    fn copy_settled(from: &Path, to: &Path) {
        let names = || -> BTreeSet<std::ffi::OsString> {
            let files = fs::read_dir(from).unwrap();
            files.map(|file| file.unwrap().file_name()).collect()
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(
                Instant::now() < deadline,
                "{} does not settle",
                from.display()
            );
            drop(fs::remove_dir_all(to));
            fs::create_dir_all(to).unwrap();
            let before = names();
            let copied = before
                .iter()
                .all(|name| fs::copy(from.join(name), to.join(name)).is_ok());
            if copied && before == names() {
                return;
            }
        }
    }

    /// A copy of everything but the topics.
    pub(crate) fn copy(&self) -> Copy {
        let folder = tempfile::tempdir().unwrap();
        for part in ["stores", "provider"] {
            Self::copy_settled(&self.folder.path().join(part), &folder.path().join(part));
        }
        fs::copy(
            self.folder.path().join("intents"),
            folder.path().join("intents"),
        )
        .unwrap();
        Copy { folder }
    }

    /// Audits the topics together with a copy.
    pub(crate) fn audit(&self, copy: &Copy) -> Report {
        self.runtime.block_on(self.look(copy.folder.path()))
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
        let looked = self.runtime.block_on(self.try_look(copy.folder.path()));
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

fn store(folder: &Path, group: &str) -> Arc<dyn Store> {
    let url = format!("sqlite://{}", folder.join("stores").display());
    open(&url, group).unwrap()
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
