//! librdkafka's in-process cluster as a broker: it starts in milliseconds and needs nothing installed.
//! It keeps about 5 MB a partition, fakes transactions and loses everything with the program, so what
//! concerns durability, retention or real timing is judged on [`crate::kafka`].

use std::{
    sync::{OnceLock, mpsc},
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

use crate::broker::Broker;

/// The cluster, as the faults that it can play are asked of it.
pub type Cluster = MockCluster<'static, DefaultProducerContext>;

/// Something to do on the thread that owns the cluster: it must not leave the thread that made it.
type Order = Box<dyn FnOnce(&Cluster) + Send>;

/// The cluster that the tests of this program share.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn shared() -> &'static MockKafka {
    static SHARED: OnceLock<MockKafka> = OnceLock::new();
    SHARED.get_or_init(|| MockKafka::start().unwrap_or_else(|error| panic!("{error:?}")))
}

/// A running in-process cluster. Dropping it ends it.
#[derive(Debug)]
pub struct MockKafka {
    bootstrap: String,
    orders: Option<mpsc::Sender<Order>>,
    owner: Option<JoinHandle<()>>,
}

impl MockKafka {
    /// Starts a cluster of one broker.
    ///
    /// # Errors
    /// When librdkafka refuses.
    pub fn start() -> anyhow::Result<Self> {
        Self::with_brokers(1)
    }

    /// Starts a cluster of several brokers, numbered from 1.
    ///
    /// # Errors
    /// When librdkafka refuses.
    pub fn with_brokers(count: i32) -> anyhow::Result<Self> {
        let (orders, ordered) = mpsc::channel::<Order>();
        let (started, start) = mpsc::channel();
        let owner = thread::Builder::new()
            .name("mock-kafka".to_owned())
            .spawn(move || {
                let cluster = MockCluster::new(count);
                let bootstrap = cluster.as_ref().map(Cluster::bootstrap_servers);
                if started.send(bootstrap.map_err(Clone::clone)).is_err() {
                    return;
                }
                let Ok(cluster) = cluster else { return };
                ordered.iter().for_each(|order| order(&cluster));
            })?;
        let bootstrap = start.recv()?.context("start the in-process cluster")?;
        Ok(Self {
            bootstrap,
            orders: Some(orders),
            owner: Some(owner),
        })
    }

    /// Asks something of the cluster itself: failing requests, brokers down, slow answers.
    ///
    /// # Panics
    /// When `order` panicked before.
    pub fn with<T: Send + 'static>(&self, order: impl FnOnce(&Cluster) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let order: Order = Box::new(move |cluster| {
            // Nobody can have stopped waiting: the next line but one waits.
            let _delivered = answer.send(order(cluster));
        });
        let orders = self.orders.as_ref().expect("it is there until the drop");
        orders.send(order).expect("the owner of the cluster lives");
        answered.recv().expect("the order did not panic")
    }
}

impl Broker for MockKafka {
    fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    fn create_topic(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        let topic = name.to_owned();
        self.with(move |cluster| cluster.create_topic(&topic, partitions, 1))
            .with_context(|| format!("make topic {name}"))
    }
}

impl Drop for MockKafka {
    fn drop(&mut self) {
        self.orders = None;
        if self.owner.take().is_some_and(|owner| owner.join().is_err()) {
            eprintln!("harness: the in-process cluster's thread panicked");
        }
    }
}
