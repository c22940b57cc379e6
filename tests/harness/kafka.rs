//! Apache Kafka on loopback ports: one KRaft node, or three, each a process of its own with its own data
//! folder. Clients of different classes can be given a way in of their own through a fault proxy, so
//! that one class is cut off while the other goes on: a broker advertises the proxy's address to them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

mod cluster;

pub use cluster::Cluster;

use anyhow::Context as _;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};
use rustix::process::Signal;

use crate::{
    broker::Broker,
    installed,
    proxy::Proxy,
    reaper,
    server::{self, Server},
};

/// Starting takes about two seconds on an idle machine, and recovery after a kill a little more.
const READY_WITHIN: Duration = Duration::from_secs(90);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Only warnings, on the standard output: the log is for reading when something fails.
const LOG4J: &str = "\
Configuration:
  Appenders:
    Console: { name: out, PatternLayout: { pattern: '%d %p %c{1}: %m%n' } }
  Loggers:
    Root: { level: WARN, AppenderRef: { ref: out } }
    Logger: { name: kafka.server.KafkaRaftServer, level: INFO }
";

/// The node that the tests of this program share. It is started by the first that asks, and ends with
/// the program. Take topics and groups of your own; for stopping or killing, start another.
///
/// # Panics
/// When Kafka is not installed or does not start: the message says what to do.
#[must_use]
pub fn shared() -> &'static Kafka {
    static SHARED: OnceLock<Kafka> = OnceLock::new();
    SHARED.get_or_init(|| Kafka::start().unwrap_or_else(|error| panic!("{error:?}")))
}

/// How to start a node.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    settings: Vec<(String, String)>,
    classes: Vec<String>,
    joins: Option<cluster::Joins>,
}

impl Builder {
    /// Sets a broker property, e.g. `setting("message.max.bytes", "2000000")`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives a class of clients a way in of its own, through a fault proxy: see [`Kafka::proxy`].
    #[must_use]
    pub fn proxied(mut self, class: &str) -> Self {
        self.classes.push(class.to_uppercase());
        self
    }

    /// Starts the node and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not start: its log and what to do.
    pub fn start(self) -> anyhow::Result<Kafka> {
        let jars = installed::kafka_jars()?;
        server::with_free_ports(|[port, controller]| {
            let folder = reaper::folder("kafka")?;
            let mut ways_in = Vec::new();
            for class in &self.classes {
                let listener = crate::ports::free()?;
                let proxy = Proxy::start(listener)?;
                ways_in.push(WayIn {
                    class: class.clone(),
                    listener,
                    proxy,
                });
            }
            fs::write(folder.join("log4j2.yaml"), LOG4J)?;
            let properties = self.properties(port, controller, &ways_in, &folder);
            fs::write(folder.join("server.properties"), properties)?;
            let mut kafka = Kafka {
                jars: jars.clone(),
                folder,
                port,
                controller,
                ways_in,
                server: None,
            };
            kafka.format(self.joins.as_ref())?;
            kafka.restart()?;
            Ok(kafka)
        })
    }

    fn properties(&self, port: u16, controller: u16, ways_in: &[WayIn], folder: &Path) -> String {
        let mut listeners = format!("PLAINTEXT://127.0.0.1:{port}");
        let mut advertised = listeners.clone();
        let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        for WayIn {
            class,
            listener,
            proxy,
        } in ways_in
        {
            listeners += &format!(",{class}://127.0.0.1:{listener}");
            advertised += &format!(",{class}://127.0.0.1:{}", proxy.port());
            protocols += &format!(",{class}:PLAINTEXT");
        }
        let (node, roles, quorum) = match &self.joins {
            None => {
                listeners += &format!(",CONTROLLER://127.0.0.1:{controller}");
                (1, "broker,controller", controller)
            }
            Some(joins) => (joins.node, "broker", joins.controller),
        };
        let mut text = format!(
            "process.roles={roles}\nnode.id={node}\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{quorum}\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             listeners={listeners}\nadvertised.listeners={advertised}\n\
             listener.security.protocol.map={protocols}\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=500\nauto.create.topics.enable=false\n",
            folder.join("data").display()
        );
        for (name, value) in &self.settings {
            text += &format!("{name}={value}\n");
        }
        text
    }
}

#[derive(Debug)]
struct WayIn {
    class: String,
    listener: u16,
    proxy: Proxy,
}

/// A running node. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Kafka {
    jars: PathBuf,
    folder: PathBuf,
    port: u16,
    controller: u16,
    ways_in: Vec<WayIn>,
    server: Option<Server>,
}

impl Kafka {
    /// Starts a node of the test's own.
    ///
    /// # Errors
    /// When it is not installed or does not start: its log and what to do.
    pub fn start() -> anyhow::Result<Self> {
        Self::builder().start()
    }

    /// Starts a node of the test's own, with options.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The way in of a class of clients that was asked for with [`Builder::proxied`]: their
    /// `bootstrap.servers`.
    ///
    /// # Panics
    /// When there is no such class.
    #[must_use]
    pub fn bootstrap_of(&self, class: &str) -> String {
        format!("127.0.0.1:{}", self.proxy(class).port())
    }

    /// The fault proxy between a class of clients and the broker.
    ///
    /// # Panics
    /// When there is no such class.
    #[must_use]
    pub fn proxy(&self, class: &str) -> &Proxy {
        let class = class.to_uppercase();
        let way_in = self.ways_in.iter().find(|way_in| way_in.class == class);
        &way_in
            .unwrap_or_else(|| panic!("no client class {class} was asked for"))
            .proxy
    }

    /// Starts it again on the same ports and data, whether it runs, was killed or is stopped.
    ///
    /// # Errors
    /// When it does not come back: its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.begin_restart()?;
        let bootstrap = self.bootstrap();
        let server = self.server.as_mut().expect("it has begun");
        let ready = server.until_ready(READY_WITHIN, || answers(&bootstrap));
        if ready.is_err() {
            self.server = None;
        }
        ready
    }

    /// The same without waiting until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin_restart(&mut self) -> anyhow::Result<()> {
        self.shut_down()?;
        let mut command = self.java("kafka.Kafka", "512m");
        command.arg(self.folder.join("server.properties"));
        self.server = Some(Server::start("Kafka", &mut command, &self.log(), "KILL")?);
        Ok(())
    }

    /// Its process id, unless it was killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// The end of its log, if it has ended by itself.
    pub fn last_words(&mut self) -> Option<String> {
        self.server.as_mut().and_then(Server::last_words)
    }

    /// Ends it in order, if it runs: everything is written out, and it starts again without looking at it.
    ///
    /// # Errors
    /// When it does not end: its log.
    pub fn shut_down(&mut self) -> anyhow::Result<()> {
        if let Some(server) = &mut self.server {
            server.signal(Signal::CONT);
            server.signal(Signal::TERM);
            server.wait(READY_WITHIN)?;
        }
        self.server = None;
        Ok(())
    }

    /// Ends it with SIGKILL: what it had not yet written is gone, as after a crash of the process.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Freezes it with SIGSTOP until [`Kafka::cont`]: connections stay open, nothing answers.
    pub fn stop(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Kafka::stop`].
    pub fn cont(&mut self) {
        self.signal(Signal::CONT);
    }

    /// The file with what it has logged.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("kafka.log")
    }

    /// Where its segments are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A client for what tests do to topics: deleting, altering, cutting off records.
    ///
    /// # Panics
    /// When librdkafka refuses the settings.
    #[must_use]
    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        client(&self.bootstrap()).create().unwrap()
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(server) = &mut self.server {
            server.signal(signal);
        }
    }

    fn format(&self, joins: Option<&cluster::Joins>) -> anyhow::Result<()> {
        let fresh = uuid::Uuid::new_v4().simple().to_string();
        let id = joins.map_or(&fresh[..22], |joins| joins.id.as_str());
        let mut format = self.java("kafka.tools.StorageTool", "256m");
        format.args(["format", "-t", id]);
        if joins.is_none() {
            format.arg("--standalone");
        }
        format.arg("-c");
        let output = format.arg(self.folder.join("server.properties")).output();
        let output = output.context("start java; is it installed? run `make services`")?;
        anyhow::ensure!(
            output.status.success(),
            "format Kafka's storage: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// A Java set up for a short life: it starts sooner, and takes the memory it is given at most.
    fn java(&self, class: &str, heap: &str) -> Command {
        let mut command = Command::new("java");
        command.arg(format!("-Xmx{heap}"));
        command.args([
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
        ]);
        let log4j = self.folder.join("log4j2.yaml");
        command.arg(format!("-Dlog4j2.configurationFile={}", log4j.display()));
        command.arg("-cp").arg(self.jars.join("*")).arg(class);
        command
    }
}

impl Broker for Kafka {
    fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn create_topic(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        create(&self.admin(), &topic)
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.kill();
        reaper::remove_folder(&self.folder);
    }
}

/// Settings for a client that notices quickly when a broker is back.
fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config.set("reconnect.backoff.max.ms", "200");
    config
}

fn answers(bootstrap: &str) -> bool {
    let asked: Result<BaseConsumer, _> = client(bootstrap).create();
    asked.is_ok_and(|asked| asked.fetch_metadata(None, Duration::from_secs(2)).is_ok())
}

fn create(admin: &AdminClient<DefaultClientContext>, topic: &NewTopic<'_>) -> anyhow::Result<()> {
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN));
    let name = topic.name;
    let created = crate::wait::block_on(admin.create_topics([topic], &options))
        .with_context(|| format!("make topic {name}"))?;
    for outcome in created {
        outcome.map_err(|(name, error)| anyhow::anyhow!("make topic {name}: {error}"))?;
    }
    Ok(())
}
