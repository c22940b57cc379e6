//! The pipeline's processes: started, killed, started again.

use std::{
    fs::OpenOptions,
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use super::{
    show::Show,
    world::{GROUPS, World, free_address},
};
use crate::shutdown;

/// How long a child may take to answer its probe.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long one question may take.
const PROBE_MAX: Duration = Duration::from_secs(1);
/// How often a child may end by itself before the demo gives up.
const CRASHES_MAX: u32 = 5;

struct Pipeline {
    name: &'static str,
    admin: SocketAddr,
    log: PathBuf,
    environment: Vec<(String, String)>,
    process: Child,
    crashes: u32,
}

/// All children.
pub(super) struct Children {
    all: Vec<Pipeline>,
    client: reqwest::Client,
}

impl Children {
    /// Brings the databases up to date, starts one process of each kind, and waits for all to be
    /// live.
    pub(super) async fn start(world: &World) -> Result<Self> {
        let binary = std::env::current_exe().context("find this program")?;
        let migrated = Command::new(&binary)
            .arg("migrate")
            .envs(world.environment(free_address()?))
            .env("COUNTERFLOW__LOG__LEVEL", "warn")
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .status()
            .await
            .context("run counterflow migrate")?;
        anyhow::ensure!(
            migrated.success(),
            "counterflow migrate ended with {migrated}"
        );
        let mut all = Vec::new();
        for name in GROUPS.into_iter().chain(["storefront"]) {
            let admin = free_address()?;
            let log = world.folder().join("logs").join(format!("{name}.log"));
            let environment = world.environment(admin);
            let process = spawn(name, &environment, &log)?;
            all.push(Pipeline {
                name,
                admin,
                log,
                environment,
                process,
                crashes: 0,
            });
        }
        let children = Self {
            all,
            client: reqwest::Client::new(),
        };
        children.until_live().await?;
        Ok(children)
    }

    async fn until_live(&self) -> Result<()> {
        let deadline = Instant::now() + READY_MAX;
        for child in &self.all {
            let url = format!("http://{}/livez", child.admin);
            loop {
                let answer = self.client.get(&url).timeout(PROBE_MAX).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                if Instant::now() > deadline {
                    bail!(
                        "{} is not live; its log is {}",
                        child.name,
                        child.log.display()
                    );
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// What the storefront has accepted and Kafka does not have yet; none while it does not answer.
    pub(super) async fn spooled_bytes(&self) -> Option<u64> {
        let storefront = self.all.iter().find(|child| child.name == "storefront")?;
        let url = format!("http://{}/status", storefront.admin);
        let answer = self.client.get(&url).timeout(PROBE_MAX).send().await.ok()?;
        let status: serde_json::Value = answer.json().await.ok()?;
        status["spool_bytes"].as_u64()
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.all.iter().map(|child| child.name).collect()
    }

    /// Where each answers probes and shows its metrics.
    pub(super) fn admin_addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.all.iter().map(|child| (child.name, child.admin))
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = &PathBuf> {
        self.all.iter().map(|child| &child.log)
    }

    /// Kills a process of a kind with SIGKILL, as it is, and starts it again.
    pub(super) async fn kill(&mut self, name: &str) -> Result<()> {
        let Some(child) = self.all.iter_mut().find(|child| child.name == name) else {
            bail!("no child is called {name}");
        };
        child
            .process
            .kill()
            .await
            .with_context(|| format!("kill {name}"))?;
        child.process = spawn(child.name, &child.environment, &child.log)?;
        Ok(())
    }

    /// Starts again what has ended by itself, as a supervisor would.
    pub(super) async fn revive(&mut self, show: &mut Show) -> Result<()> {
        for child in &mut self.all {
            let Some(ended) = child.process.try_wait()? else {
                continue;
            };
            child.crashes += 1;
            show.line(&format!(
                "{} ended by itself with {ended}; started again",
                child.name
            ));
            if child.crashes > CRASHES_MAX {
                bail!(
                    "{} keeps ending; its log is {}",
                    child.name,
                    child.log.display()
                );
            }
            child.process = spawn(child.name, &child.environment, &child.log)?;
        }
        Ok(())
    }

    /// Ends all of them as an orchestrator would: SIGTERM, and after a grace period SIGKILL.
    pub(super) async fn stop(&mut self) {
        for child in &self.all {
            if let Some(pid) = child.process.id() {
                let told = Command::new("kill")
                    .arg("-TERM")
                    .arg(pid.to_string())
                    .status()
                    .await;
                drop(told);
            }
        }
        for child in &mut self.all {
            let ended = tokio::time::timeout(Duration::from_secs(30), child.process.wait()).await;
            if ended.is_err() {
                drop(child.process.kill().await);
            }
        }
    }
}

fn spawn(name: &str, environment: &[(String, String)], log: &PathBuf) -> Result<Child> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("open {}", log.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    // What the shell has set is for other processes than these.
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("COUNTERFLOW_") {
            command.env_remove(key);
        }
    }
    command
        .arg(name)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        // The pipe closes when the demo is gone, however it ended: no child outlives its cluster.
        .env(shutdown::ENDS_WITH_STDIN, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::from(file.try_clone()?))
        .stderr(Stdio::from(file))
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start counterflow {name}"))
}
