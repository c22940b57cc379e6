//! What surrounds the pipeline: cluster, sandbox, folders, addresses.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener as StdListener},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use runtime::{
    kafka::in_process::InProcessCluster,
    store::{Store, open},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::Arguments;
use crate::{config::Topics, exit::Misuse, topics};

/// The groups, in the order in which they are shown.
pub(super) const GROUPS: [&str; 5] = ["payment", "inventory", "dispatch", "analytics", "timeline"];

/// The in-process cluster drops the oldest records of a partition above a few megabytes, so the
/// records of a large run are spread over more partitions than the usual twelve.
const PURCHASES_PER_PARTITION: u64 = 1_500;

pub(super) struct World {
    cluster: InProcessCluster,
    folder: PathBuf,
    temporary: std::sync::Mutex<Option<tempfile::TempDir>>,
    sandbox: (SocketAddr, JoinHandle<Result<(), sandbox::Error>>),
    storefront: SocketAddr,
    stop: CancellationToken,
    stores: BTreeMap<&'static str, Arc<dyn Store>>,
    partitions: i32,
}

impl World {
    pub(super) async fn start(arguments: &Arguments) -> Result<Self> {
        let (folder, temporary) = match &arguments.dir {
            Some(folder) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("create the folder {}", folder.display()))?;
                if std::fs::read_dir(folder)?.next().is_some() {
                    let why = "is not empty; a demo begins with an empty folder";
                    return Err(Misuse(format!("--dir {}: {why}", folder.display())).into());
                }
                (folder.canonicalize()?, None)
            }
            None => {
                let temporary = tempfile::tempdir().context("create a temporary folder")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let cluster = InProcessCluster::start().map_err(anyhow::Error::msg)?;
        let spread = arguments
            .purchases
            .div_ceil(PURCHASES_PER_PARTITION)
            .next_multiple_of(12);
        let partitions = i32::try_from(spread.max(12)).context("too many purchases")?;
        let one = NonZeroUsize::MIN;
        let sizes = Topics {
            partitions: NonZeroUsize::try_from(usize::try_from(partitions)?)?,
            replication: one,
            min_insync_replicas: one,
        };
        for declared in topics::declared(&sizes) {
            cluster
                .create_topic(&declared.name, declared.partitions)
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("create the topic {}", declared.name))?;
        }
        let stop = CancellationToken::new();
        let sandbox = start_sandbox(&folder, stop.clone()).await?;
        let url = database_url(&folder);
        let mut stores = BTreeMap::new();
        for group in GROUPS {
            stores.insert(group, open(&url, group)?);
        }
        let storefront = free_address()?;
        let temporary = std::sync::Mutex::new(temporary);
        let world = Self {
            cluster,
            folder,
            temporary,
            sandbox,
            storefront,
            stop,
            stores,
            partitions,
        };
        world.create_folders()?;
        world.write_settings()?;
        Ok(world)
    }

    fn create_folders(&self) -> Result<()> {
        for name in ["logs", "spool"] {
            std::fs::create_dir_all(self.folder.join(name))?;
        }
        Ok(())
    }

    /// For commands that look at the demo from outside.
    fn write_settings(&self) -> Result<()> {
        let (kafka, database) = (self.bootstrap_servers(), database_url(&self.folder));
        let text =
            format!("[kafka]\nbootstrap_servers = {kafka:?}\n\n[database]\nurl = {database:?}\n");
        let file = self.settings_file();
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))
    }

    /// The settings by which any command finds the demo's cluster and databases.
    pub(super) fn settings_file(&self) -> PathBuf {
        self.folder.join("counterflow.toml")
    }

    pub(super) fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub(super) fn partitions(&self) -> i32 {
        self.partitions
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox.0)
    }

    pub(super) fn storefront_url(&self) -> String {
        format!("http://{}", self.storefront)
    }

    pub(super) fn provider_journal(&self) -> PathBuf {
        self.folder.join("sandbox")
    }

    pub(super) fn intents(&self) -> PathBuf {
        self.folder.join("intents.jsonl")
    }

    pub(super) fn store(&self, group: &str) -> &Arc<dyn Store> {
        &self.stores[group]
    }

    /// The environment of a child; every process has a different admin address.
    pub(super) fn environment(&self, admin: SocketAddr) -> Vec<(String, String)> {
        let key = |key: &str| format!("COUNTERFLOW__{}", key.to_uppercase().replace('.', "__"));
        [
            ("kafka.bootstrap_servers", self.bootstrap_servers()),
            ("database.url", database_url(&self.folder)),
            ("provider.url", self.sandbox_url()),
            ("provider.key", "sk_test_demo".to_owned()),
            ("carrier.url", self.sandbox_url()),
            ("http.listen", self.storefront.to_string()),
            ("admin.listen", admin.to_string()),
            ("spool.dir", self.folder.join("spool").display().to_string()),
            // A killed member is replaced after this; the cluster is a loopback address away.
            ("consumer.session_timeout", "6s".to_owned()),
            ("consumer.drain_timeout", "2s".to_owned()),
            ("consumer.shutdown_timeout", "5s".to_owned()),
            ("tasks.timeout", "4s".to_owned()),
            ("consumer.lanes", "1".to_owned()),
            ("log.level", "info".to_owned()),
        ]
        .map(|(name, value)| (key(name), value))
        .into()
    }

    /// Leaves the files where they are, to be looked into.
    pub(super) fn keep_files(&self) {
        let temporary = self.temporary.lock().ok().and_then(|mut held| held.take());
        if let Some(temporary) = temporary {
            drop(temporary.keep());
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        drop(self.sandbox.1.await);
    }
}

fn database_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("databases").display())
}

async fn start_sandbox(
    folder: &Path,
    stop: CancellationToken,
) -> Result<(SocketAddr, JoinHandle<Result<(), sandbox::Error>>)> {
    std::fs::create_dir_all(folder.join("sandbox"))?;
    std::fs::create_dir_all(folder.join("databases"))?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("listen for the sandbox")?;
    let address = listener.local_addr()?;
    let config = sandbox::Config::new(folder.join("sandbox"));
    let running = sandbox::run(listener, config, stop.cancelled_owned());
    Ok((address, tokio::spawn(running)))
}

/// A loopback address that was free a moment ago: a child binds it again after every restart.
pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = StdListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?)
}
