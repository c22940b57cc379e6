//! Three brokers, of which the first is also the controller: the others can be killed, one or both, and
//! whoever leads a partition then is decided by the one that is left.

use std::fs;

use anyhow::Context as _;

use super::{Builder, Kafka};

/// How a broker finds the cluster that it is one of.
#[derive(Debug, Clone)]
pub(super) struct Joins {
    pub(super) node: u16,
    pub(super) controller: u16,
    /// The cluster's own id, with which its storage is marked.
    pub(super) id: String,
}

/// Three running brokers.
#[derive(Debug)]
pub struct Cluster {
    /// The broker that is the controller.
    pub first: Kafka,
    /// Those that can be spared.
    pub others: [Kafka; 2],
}

impl Cluster {
    /// Starts three brokers whose own topics have three replicas.
    ///
    /// # Errors
    /// When Kafka is not installed or does not start: its log and what to do.
    pub fn start() -> anyhow::Result<Self> {
        let builder = Builder::default()
            .setting("offsets.topic.replication.factor", "3")
            // A broker that is killed is missed, and leaves the replicas in sync, within seconds.
            .setting("broker.session.timeout.ms", "3000")
            .setting("broker.heartbeat.interval.ms", "500")
            .setting("replica.lag.time.max.ms", "3000");
        let first = builder.clone().start()?;
        let id = cluster_id(&first)?;
        let join = |node| {
            let mut builder = builder.clone();
            builder.joins = Some(Joins {
                node,
                controller: first.controller,
                id: id.clone(),
            });
            builder.start()
        };
        let others = std::thread::scope(|scope| {
            let starting = [2, 3].map(|node| scope.spawn(move || join(node)));
            starting.map(|broker| broker.join().expect("starting a broker does not panic"))
        });
        let [second, third] = others;
        Ok(Self {
            first,
            others: [second?, third?],
        })
    }

    /// All of them, as clients are told of them.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        use crate::Broker as _;
        let all = [&self.first, &self.others[0], &self.others[1]];
        all.map(Kafka::bootstrap).join(",")
    }
}

fn cluster_id(kafka: &Kafka) -> anyhow::Result<String> {
    let text = fs::read_to_string(kafka.data().join("meta.properties"))?;
    let id = text
        .lines()
        .find_map(|line| line.strip_prefix("cluster.id="));
    Ok(id
        .context("a formatted folder names its cluster")?
        .to_owned())
}
