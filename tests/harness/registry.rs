//! Apicurio Registry on a loopback port, which answers as Confluent's schema registry does under
//! `/apis/ccompat/v7`. It keeps its schemas in memory: killed and started again, it knows none.

use std::{path::PathBuf, process::Command, sync::OnceLock, time::Duration};

use rustix::process::Signal;

use crate::{
    installed, reaper,
    server::{self, Server},
    wait,
};

/// A Java service of this size takes about five seconds on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// The registry that the tests of this program share. Use subjects of your own; for stopping or killing,
/// start another.
///
/// # Panics
/// When it is not installed or does not start: the message says what to do.
#[must_use]
pub fn shared() -> &'static Registry {
    static SHARED: OnceLock<Registry> = OnceLock::new();
    SHARED.get_or_init(|| Registry::start().unwrap_or_else(|error| panic!("{error:?}")))
}

/// A running registry. Dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    java: PathBuf,
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    management: u16,
    server: Option<Server>,
}

impl Registry {
    /// Starts a registry of the test's own and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not start: its log and what to do.
    pub fn start() -> anyhow::Result<Self> {
        let (java, programs) = (installed::java_21()?, installed::registry()?);
        server::with_free_ports(|[port, management]| {
            let mut registry = Self {
                java: java.clone(),
                programs: programs.clone(),
                folder: reaper::folder("registry")?,
                port,
                management,
                server: None,
            };
            registry.restart()?;
            Ok(registry)
        })
    }

    /// The loopback port, for a proxy in front of it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address as a client of Confluent's registry takes it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same, through a proxy in front of it.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        format!("http://127.0.0.1:{port}/apis/ccompat/v7")
    }

    /// Starts it again on the same port, empty, whether it runs, was killed or is stopped.
    ///
    /// # Errors
    /// When it does not come back: its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        let mut server = Server::start("the registry", &mut self.command(), &self.log(), "KILL")?;
        let subjects = format!("{}/subjects", self.url());
        server.until_ready(READY_WITHIN, || wait::block_on(answers(&subjects)))?;
        self.server = Some(server);
        Ok(())
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Freezes it with SIGSTOP until [`Registry::cont`].
    pub fn stop(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Registry::stop`].
    pub fn cont(&mut self) {
        self.signal(Signal::CONT);
    }

    /// The file with what it has logged.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("registry.log")
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(server) = &mut self.server {
            server.signal(signal);
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.java);
        command.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
        command.arg("-Dquarkus.http.host=127.0.0.1");
        command.arg(format!("-Dquarkus.http.port={}", self.port));
        command.arg("-Dquarkus.management.host=127.0.0.1");
        command.arg(format!("-Dquarkus.management.port={}", self.management));
        command
            .arg("-jar")
            .arg("quarkus-run.jar")
            .current_dir(&self.programs);
        command
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.kill();
        reaper::remove_folder(&self.folder);
    }
}

async fn answers(url: &str) -> bool {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build();
    let Ok(client) = client else { return false };
    client
        .get(url)
        .send()
        .await
        .is_ok_and(|answer| answer.status().is_success())
}
