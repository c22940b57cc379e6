//! What a lane runs in: its database, its records, and the processes that hold it one after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    DEAD, PARTITIONS, PATIENCE, SHARDS, TOPIC,
    faulty::{FaultyStore, Plan},
    group::{Accounting, Hesitant},
};
use crate::{
    Config, Coordinates, Group, Headers, Record,
    bookkeeping::rows::Position,
    intake::{Intake, Polled},
    kafka::Publisher,
    lane::{Control, Lane, LaneEvent, Shared},
    machine::Machine,
    metrics::Metrics,
    partitioner::partition_of,
    status::Status,
    store::{SqliteStore, Store},
    takeover,
};

/// How many there were: events of two never look alike.
static WORLDS: AtomicU64 = AtomicU64::new(0);

/// The records of each shard, in order: key and payload. `newer` is parked until the upgrade, and
/// what is behind it on its key; `poison` is what the database refuses.
pub(super) const RECORDS: [(&str, &str); 13] = [
    ("a", "add a1"),
    ("a", "task t1"),
    ("b", "newer n1"),
    ("b", "add b1"),
    ("a", "timer w1"),
    ("c", "refuse r1"),
    ("a", "task t2"),
    ("c", "garbage"),
    ("c", "add poison"),
    ("a", "add a2"),
    ("b", "task t3"),
    ("c", "add c1"),
    ("c", "timer w2"),
];

pub(super) fn records(shard: i32) -> Vec<Record> {
    let record = |(offset, (key, payload)): (i64, &(&str, &str))| Record {
        at: Coordinates {
            topic: TOPIC.into(),
            partition: shard,
            offset,
        },
        key: Some(key_of(shard, key)),
        payload: Some(payload.as_bytes().to_vec()),
        headers: Headers::default(),
        timestamp_micros: 0,
    };
    (0..).zip(&RECORDS).map(record).collect()
}

/// A key that belongs to a shard.
fn key_of(shard: i32, name: &str) -> Vec<u8> {
    let belongs = |key: &Vec<u8>| partition_of(key, PARTITIONS) == shard;
    let mut keys = (0..).map(|n| format!("{name}{n}").into_bytes());
    keys.find(belongs).unwrap()
}

pub(super) struct World {
    _folder: tempfile::TempDir,
    pub(super) number: u64,
    pub(super) inner: Arc<SqliteStore>,
    pub(super) store: Arc<FaultyStore>,
    bootstrap: String,
    process: Process,
    worker: Arc<Hesitant>,
    pub(super) is_upgraded: Arc<AtomicBool>,
    /// Whether the process that is outlived goes on when all is done, where one is.
    revives: Option<bool>,
}

/// What a process has for itself.
struct Process {
    shared: Arc<Shared<Accounting>>,
    intake: Arc<Intake>,
    events: mpsc::UnboundedReceiver<LaneEvent>,
}

/// A lane, as its member holds it.
struct Held {
    control: mpsc::UnboundedSender<Control>,
    task: JoinHandle<()>,
}

impl Process {
    fn new(bootstrap: &str, group: Accounting, store: &Arc<FaultyStore>) -> Self {
        let mut config = Config::new(bootstrap, Accounting::NAME);
        config.dead_letter_topic = DEAD.to_owned();
        config.batch_records_max = 5;
        config.tick = Duration::from_millis(10);
        config.backoff = (Duration::from_millis(1), Duration::from_millis(4));
        let intake = Arc::new(Intake::new(1_000, 1 << 20));
        let publisher = Publisher::new(&config, &[Arc::clone(&intake)]).unwrap();
        let metrics = Metrics::register(&prometheus::Registry::new(), Accounting::NAME).unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let shared = Shared {
            topics: group.topics(),
            group,
            config,
            store: Arc::clone(store) as Arc<dyn Store>,
            broker: Arc::new(publisher),
            machine: Machine::Real,
            status: Arc::new(Status::default()),
            metrics: Arc::new(metrics),
            events: sender,
            partitions: AtomicI32::new(PARTITIONS),
        };
        Self {
            shared: Arc::new(shared),
            intake,
            events,
        }
    }
}

impl World {
    pub(super) async fn new(bootstrap: &str, plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inner = Arc::new(SqliteStore::open(folder.path().join("accounting.db")).unwrap());
        let is_upgraded = Arc::new(AtomicBool::new(false));
        let number = WORLDS.fetch_add(1, Ordering::SeqCst);
        let group = Accounting {
            is_upgraded: Arc::clone(&is_upgraded),
            world: number,
        };
        crate::migrate(&group, inner.as_ref()).await.unwrap();
        let revives = plan.revives();
        let store = Arc::new(FaultyStore::new(Arc::clone(&inner), plan));
        Self {
            _folder: folder,
            number,
            process: Process::new(bootstrap, group, &store),
            inner,
            store,
            bootstrap: bootstrap.to_owned(),
            worker: Arc::default(),
            is_upgraded,
            revives,
        }
    }

    /// A process takes the shards and reads on where the database says.
    async fn begin(&self, ticket: u64) -> Held {
        self.process.intake.clear();
        // What a process waited for ends with it.
        let status = &self.process.shared.status;
        for part in status.report().waiting.keys() {
            status.set_waiting(part, None);
        }
        let (control, told) = mpsc::unbounded_channel();
        let (shared, intake) = (
            Arc::clone(&self.process.shared),
            Arc::clone(&self.process.intake),
        );
        let lane = Lane::new(0, shared, intake, told, Arc::clone(&self.worker));
        let task = tokio::spawn(lane.run());
        let topics = &self.process.shared.topics;
        let found = takeover::take(self.inner.as_ref(), &SHARDS, topics, "lane").await;
        let mut found = found.unwrap();
        let mut polled = Vec::new();
        for found in &mut found {
            if found.positions.is_empty() {
                found.positions.push(Position::new(TOPIC, found.shard, 0));
            }
            let next = found.positions[0].next_offset;
            let unread = records(found.shard).into_iter();
            let unread = unread.filter(|record| record.at.offset >= next);
            polled.extend(unread.map(|record| Polled {
                ticket,
                record: Arc::new(record),
            }));
        }
        let (taken, mut all_taken) = mpsc::channel(1);
        let take = Control::Take {
            ticket,
            found,
            taken,
        };
        assert!(control.send(take).is_ok());
        all_taken.recv().await;
        self.process.intake.push_all(&mut polled);
        Held { control, task }
    }

    /// Runs to the end, through as many processes as it takes.
    pub(super) async fn run(&mut self) {
        let mut ticket = 1;
        let mut held = self.begin(ticket).await;
        let mut outlived = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                () = self.store.ended() => {
                    ticket += 1;
                    if self.revives.is_some() {
                        self.process = self.another_process();
                        let next = self.begin(ticket).await;
                        outlived = Some(std::mem::replace(&mut held, next));
                    } else {
                        held.end().await;
                        held = self.begin(ticket).await;
                    }
                    if self.revives == Some(false) {
                        self.store.resume();
                    }
                }
                Some(event) = self.process.events.recv() => panic!("{event:?}"),
                () = tokio::time::sleep(Duration::from_millis(3)) => {
                    // A wait is over once what it was for is there, also where nothing is left to do.
                    let waiting = self.process.shared.status.report().waiting;
                    if self.is_done().await && waiting.is_empty() {
                        break;
                    }
                    let left = self.left().await;
                    assert!(Instant::now() < deadline, "stuck: {left:?}, {waiting:?}");
                    assert!(!held.task.is_finished(), "the lane has ended");
                }
            }
        }
        self.release(held).await;
        if let Some(former) = outlived {
            self.store.resume();
            let over = tokio::time::timeout(PATIENCE, self.store.over()).await;
            assert!(over.is_ok(), "the process that was taken for dead goes on");
            former.end().await;
        }
    }

    /// One that has nothing in common with the one before but the database, and what is outside.
    fn another_process(&self) -> Process {
        let group = Accounting {
            is_upgraded: Arc::clone(&self.is_upgraded),
            world: self.number,
        };
        Process::new(&self.bootstrap, group, &self.store)
    }

    async fn release(&self, held: Held) {
        let (released, mut all_released) = mpsc::channel(1);
        let release = Control::Release {
            shards: SHARDS.to_vec(),
            deadline: Instant::now() + PATIENCE,
            released,
        };
        assert!(held.control.send(release).is_ok());
        tokio::select! {
            _ = all_released.recv() => {
                let waiting = self.process.shared.status.report().waiting;
                assert!(waiting.is_empty(), "without a shard it waits: {waiting:?}");
            }
            () = self.store.ended() => {}
        }
        held.end().await;
    }
}

impl Held {
    async fn end(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}
