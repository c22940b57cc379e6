//! The five groups, and how a process of each is started.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use codec::Codec;
use runtime::{
    Config, Group, NoTasks,
    simulated::{Clock, Process, Topics},
    store::MemoryStore,
};
use schemas::{Decoder, Encoder, topics};

use crate::{
    gates::{Gates, ProcessId},
    outside::Caller,
    plan::Shape,
    store::GatedStore,
    watch::Watch,
};

pub(crate) const PAYMENT: usize = 0;
pub(crate) const INVENTORY: usize = 1;
pub(crate) const DISPATCH: usize = 2;
pub(crate) const TIMELINE: usize = 3;
pub(crate) const ANALYTICS: usize = 4;

/// The groups, in the order of their numbers.
pub(crate) const NAMES: [&str; 5] = ["payment", "inventory", "dispatch", "timeline", "analytics"];

/// All topics that there are.
pub(crate) fn all_topics() -> Vec<String> {
    let read = [
        topics::PURCHASES,
        topics::PAYMENTS,
        topics::RESERVATIONS,
        topics::SHIPMENTS,
        topics::STOCK,
    ];
    let read = read.map(str::to_owned).into_iter();
    read.chain(NAMES.map(dead_letters)).collect()
}

/// Where a group publishes what it sets aside.
pub(crate) fn dead_letters(group: &str) -> String {
    format!("shop.{group}.dead-letters.v1")
}

/// What processes are started with and what is outside of them.
#[derive(Clone)]
pub(crate) struct Around {
    pub(crate) shape: Shape,
    pub(crate) topics: Arc<Topics>,
    pub(crate) gates: Arc<Gates>,
    pub(crate) watch: Arc<Watch>,
}

/// The databases of a run, each migrated.
pub(crate) type Stores = [MemoryStore; 5];

/// Empty databases with all tables.
pub(crate) async fn migrated() -> Stores {
    let codec = Arc::new(Codec::without_registry());
    let payment = payment::PaymentGroup::new(Arc::clone(&codec), CARD);
    let inventory = inventory::InventoryGroup::new(Arc::clone(&codec), Default::default());
    let dispatch = dispatch::DispatchGroup::new(Arc::clone(&codec), Default::default());
    let timeline = timeline::Timeline::new(Arc::clone(&codec));
    let analytics = analytics::Analytics::new(codec, analytics::Windows::default());
    [
        store_of(&payment).await,
        store_of(&inventory).await,
        store_of(&dispatch).await,
        store_of(&timeline).await,
        store_of(&analytics).await,
    ]
}

async fn store_of<G: Group>(group: &G) -> MemoryStore {
    let store = MemoryStore::new().unwrap();
    runtime::migrate(group, &store).await.unwrap();
    store.mark().unwrap();
    store
}

const CARD: &str = "pm_card_visa";

/// The topics that a group reads.
pub(crate) fn reads(group: usize) -> &'static [&'static str] {
    match group {
        PAYMENT => &payment::TOPICS,
        INVENTORY => &inventory::TOPICS,
        DISPATCH => &dispatch::TOPICS,
        TIMELINE => &timeline::TOPICS,
        _ => &analytics::TOPICS,
    }
}

/// Starts a process of a group whose build reads so many versions.
pub(crate) fn start(
    around: &Around,
    id: ProcessId,
    store: &MemoryStore,
    (reader, clock): (u32, &Arc<Clock>),
) -> Process {
    let store = Arc::new(GatedStore {
        inner: store.clone(),
        process: id,
        gates: Arc::clone(&around.gates),
        watch: Arc::clone(&around.watch),
    });
    let codec = Arc::new(Codec::new(Decoder::new(reader), Encoder::new()));
    let caller = Caller {
        process: id,
        gates: Arc::clone(&around.gates),
    };
    let config = config(&around.shape, id, reader);
    let topics = &around.topics;
    match id.0 {
        PAYMENT => {
            let group = payment::PaymentGroup::new(codec, CARD);
            Process::start((group, caller), store, config, topics, clock)
        }
        INVENTORY => {
            let group = inventory::InventoryGroup::new(codec, Default::default());
            Process::start((group, NoTasks), store, config, topics, clock)
        }
        DISPATCH => {
            let group = dispatch::DispatchGroup::new(codec, Default::default());
            Process::start((group, caller), store, config, topics, clock)
        }
        TIMELINE => {
            let group = timeline::Timeline::new(codec);
            Process::start((group, NoTasks), store, config, topics, clock)
        }
        _ => {
            let group = analytics::Analytics::new(codec, analytics::Windows::default());
            Process::start((group, NoTasks), store, config, topics, clock)
        }
    }
}

fn config(shape: &Shape, (group, number): ProcessId, reader: u32) -> Config {
    let name = NAMES[group];
    Config {
        bootstrap_servers: String::new(),
        kafka_options: BTreeMap::new(),
        member: format!("{name}-{number}"),
        lanes: shape.lanes,
        batch_records_max: shape.batch_records_max,
        batch_linger: Duration::from_millis(shape.linger_millis),
        queue_records_max: shape.batch_records_max * 2,
        reader_version: reader,
        // Small worlds with much poison: this limit is another test's.
        dead_letter_share_max: 1.0,
        task_concurrency: shape.task_concurrency,
        ..Config::new("", name)
    }
}
