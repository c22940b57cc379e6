//! One lane through every fault of its database: the real lane, publisher and SQLite, with each call
//! in turn failing, losing its reply, or being the last one of its process.
//!
//! What the tables hold in the end must not show that anything happened.

mod faulty;
#[expect(
    unreachable_pub,
    reason = "the macros declare public types, as groups need them"
)]
mod group;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

use self::{
    faulty::{Fault, FaultyStore, Plan},
    group::{Account, Accounting, Hesitant},
};
use super::{Control, Lane, LaneEvent, Shared};
use crate::{
    Config, Coordinates, Group, Headers, Record,
    bookkeeping::rows::{DeadLetter, JournalEntry, Parked, Position, TaskRow, TimerRow},
    intake::{Intake, Polled},
    kafka::{Publisher, in_process::InProcessCluster},
    metrics::Metrics,
    partitioner::partition_of,
    rows::{Row, Scan},
    status::Status,
    store::{Cells, Kind, Mode, SqliteStore, Statement, Store},
    takeover,
};

const TOPIC: &str = "accounting.in.v1";
const OUT: &str = "accounting.out.v1";
const DEAD: &str = "accounting.dead.v1";
const SHARDS: [i32; 2] = [0, 1];
const PARTITIONS: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// The records of each shard, in order: key and payload. `newer` is parked until the upgrade, and
/// what is behind it on its key.
const RECORDS: [(&str, &str); 12] = [
    ("a", "add a1"),
    ("a", "task t1"),
    ("b", "newer n1"),
    ("b", "add b1"),
    ("a", "timer w1"),
    ("c", "refuse r1"),
    ("a", "task t2"),
    ("c", "garbage"),
    ("a", "add a2"),
    ("b", "task t3"),
    ("c", "add c1"),
    ("c", "timer w2"),
];

fn records(shard: i32) -> Vec<Record> {
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

/// What is left in the end, without what may differ from run to run: times, attempts, and the order
/// between records, answers and timers.
#[derive(Debug, PartialEq)]
struct Tables {
    /// Per account, how many inputs had their effect, which, and the records among them in order.
    accounts: Vec<(String, i64, Vec<String>, Vec<String>)>,
    positions: Vec<Position>,
    tasks: Vec<(String, String, Option<String>)>,
    dead_letters: Vec<(String, String, i64, String)>,
    journal: Vec<(i32, String, String, Vec<u8>)>,
}

struct World {
    _folder: tempfile::TempDir,
    inner: Arc<SqliteStore>,
    store: Arc<FaultyStore>,
    shared: Arc<Shared<Accounting>>,
    intake: Arc<Intake>,
    worker: Arc<Hesitant>,
    is_upgraded: Arc<AtomicBool>,
    events: mpsc::UnboundedReceiver<LaneEvent>,
}

/// A lane, as its member holds it.
struct Held {
    control: mpsc::UnboundedSender<Control>,
    task: JoinHandle<()>,
}

impl World {
    async fn new(bootstrap: &str, plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inner = Arc::new(SqliteStore::open(folder.path().join("accounting.db")).unwrap());
        let is_upgraded = Arc::new(AtomicBool::new(false));
        let group = Accounting {
            is_upgraded: Arc::clone(&is_upgraded),
        };
        crate::migrate(&group, inner.as_ref()).await.unwrap();
        let mut config = Config::new(bootstrap, Accounting::NAME);
        config.dead_letter_topic = DEAD.to_owned();
        config.batch_records_max = 5;
        config.tick = Duration::from_millis(10);
        config.backoff = (Duration::from_millis(1), Duration::from_millis(4));
        let intake = Arc::new(Intake::new(1_000, 1 << 20));
        let publisher = Publisher::new(&config, &[Arc::clone(&intake)]).unwrap();
        let metrics = Metrics::register(&prometheus::Registry::new(), Accounting::NAME).unwrap();
        let store = Arc::new(FaultyStore::new(Arc::clone(&inner), plan));
        let (sender, events) = mpsc::unbounded_channel();
        let shared = Shared {
            topics: group.topics(),
            group,
            config,
            store: Arc::clone(&store) as Arc<dyn Store>,
            publisher,
            status: Arc::new(Status::default()),
            metrics: Arc::new(metrics),
            events: sender,
            partitions: AtomicI32::new(PARTITIONS),
        };
        Self {
            _folder: folder,
            inner,
            store,
            shared: Arc::new(shared),
            intake,
            worker: Arc::default(),
            is_upgraded,
            events,
        }
    }

    /// A process takes the shards and reads on where the database says.
    async fn begin(&self, ticket: u64) -> Held {
        self.intake.clear();
        // What a process waited for ends with it.
        for part in self.shared.status.report().waiting.keys() {
            self.shared.status.set_waiting(part, None);
        }
        let (control, told) = mpsc::unbounded_channel();
        let (shared, intake) = (Arc::clone(&self.shared), Arc::clone(&self.intake));
        let lane = Lane::new(0, shared, intake, told, Arc::clone(&self.worker));
        let task = tokio::spawn(lane.run());
        let topics = &self.shared.topics;
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
        self.intake.push_all(&mut polled);
        Held { control, task }
    }

    /// Runs to the end, through as many processes as it takes.
    async fn run(&mut self) {
        let mut ticket = 1;
        let mut held = self.begin(ticket).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                () = self.store.ended() => {
                    held.task.abort();
                    assert!(held.task.await.is_err_and(|error| error.is_cancelled()));
                    ticket += 1;
                    held = self.begin(ticket).await;
                }
                Some(event) = self.events.recv() => panic!("{event:?}"),
                () = tokio::time::sleep(Duration::from_millis(3)) => {
                    // A wait is over once what it was for is there, also where nothing is left to do.
                    let waiting = self.shared.status.report().waiting;
                    if self.is_done().await && waiting.is_empty() {
                        break;
                    }
                    let left = self.left().await;
                    assert!(Instant::now() < deadline, "stuck: {left:?}, {waiting:?}");
                    assert!(!held.task.is_finished(), "the lane has ended");
                }
            }
        }
        let (released, mut all_released) = mpsc::channel(1);
        let release = Control::Release {
            shards: SHARDS.to_vec(),
            deadline: Instant::now() + PATIENCE,
            released,
        };
        assert!(held.control.send(release).is_ok());
        tokio::select! {
            _ = all_released.recv() => {
                let waiting = self.shared.status.report().waiting;
                assert!(waiting.is_empty(), "without a shard it waits: {waiting:?}");
            }
            () = self.store.ended() => {}
        }
        held.task.abort();
    }

    /// What is left to do: unread records, tasks, timers, parked records, unpublished events.
    async fn left(&self) -> [i64; 5] {
        let all = i64::try_from(RECORDS.len() * SHARDS.len()).unwrap();
        [
            all - self.number("SELECT sum(next_offset) FROM positions").await,
            self.number("SELECT count(*) FROM tasks WHERE state = 'waiting'")
                .await,
            self.number("SELECT count(*) FROM timers").await,
            self.number("SELECT count(*) FROM parked").await,
            self.number("SELECT sum(next_sequence - 1 - published_sequence) FROM shards")
                .await,
        ]
    }

    async fn is_done(&self) -> bool {
        let left = self.left().await;
        if left[0] == 0 {
            self.is_upgraded.store(true, Ordering::SeqCst);
        }
        left == [0; 5]
    }

    async fn number(&self, sql: &str) -> i64 {
        let mut snapshot = self.inner.begin(Mode::Snapshot).await.unwrap();
        let statement = Statement::new(sql, sql);
        let columns = snapshot.query(&statement, vec![], &[Kind::Long]).await;
        let Cells::Long(rows) = &columns.unwrap()[0] else {
            panic!("not a number")
        };
        rows.iter().flatten().sum()
    }

    async fn all<R: Row>(&self) -> Vec<R> {
        let mut snapshot = self.inner.begin(Mode::Snapshot).await.unwrap();
        let page = Scan::<R>::new(1_000).next_page(snapshot.as_mut()).await;
        page.unwrap().unwrap_or_default()
    }

    async fn tables(&self) -> Tables {
        assert!(self.all::<TimerRow>().await.is_empty());
        assert!(self.all::<Parked>().await.is_empty());
        let names: Vec<&str> = RECORDS
            .iter()
            .filter_map(|(_, payload)| Some(payload.split_once(' ')?.1))
            .collect();
        let account = |account: Account| {
            let history: Vec<String> = (account.history.split_whitespace())
                .map(str::to_owned)
                .collect();
            let is_record = |word: &&String| names.contains(&word.as_str());
            let in_order = history.iter().filter(is_record).cloned().collect();
            let mut all = history.clone();
            all.sort();
            (account.account, account.inputs, all, in_order)
        };
        let journal = self.all::<JournalEntry>().await.into_iter();
        let mut journal: Vec<_> = journal
            .map(|one| (one.shard, one.topic, one.event_id, one.record_key))
            .collect();
        journal.sort();
        let letter = |one: DeadLetter| (one.dead_letter_id, one.reason, one.redrives, one.state);
        Tables {
            accounts: self.all().await.into_iter().map(account).collect(),
            positions: self.all().await,
            tasks: (self.all::<TaskRow>().await.into_iter())
                .map(|task| (task.task_id, task.state, task.answer))
                .collect(),
            dead_letters: self.all().await.into_iter().map(letter).collect(),
            journal,
        }
    }
}

async fn run(bootstrap: &str, plan: Plan) -> (Tables, u64) {
    let mut world = World::new(bootstrap, plan).await;
    world.run().await;
    (world.tables().await, world.store.calls())
}

fn cluster() -> InProcessCluster {
    let cluster = InProcessCluster::start().unwrap();
    for topic in [TOPIC, OUT, DEAD] {
        let partitions = i32::try_from(SHARDS.len()).unwrap();
        cluster.create_topic(topic, partitions).unwrap();
    }
    cluster
}

/// Runs through all plans, a few at a time, and holds each against a run without faults.
async fn compare(plans: impl IntoIterator<Item = (String, Plan)>, cluster: &InProcessCluster) {
    let bootstrap = cluster.bootstrap_servers();
    let (expected, _) = run(&bootstrap, Plan::Never).await;
    let expected = Arc::new(expected);
    let mut running = JoinSet::new();
    let mut plans = plans.into_iter();
    loop {
        while running.len() < 6
            && let Some((name, plan)) = plans.next()
        {
            let (bootstrap, expected) = (bootstrap.clone(), Arc::clone(&expected));
            running.spawn(async move {
                let (tables, _) = run(&bootstrap, plan).await;
                assert_eq!(tables, *expected, "with {name}");
            });
        }
        match running.join_next().await {
            Some(ended) => ended.unwrap(),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_faults_everything_has_its_effect_once() {
    let cluster = cluster();
    let (tables, calls) = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let [a, b, c, ..] = tables.accounts.as_slice() else {
        panic!("{:?}", tables.accounts)
    };
    assert_eq!((a.0.as_str(), a.1), ("a0", 8));
    assert_eq!(a.3, words("a1 t1 w1 t2 a2"));
    assert_eq!(
        a.2,
        words("a0:t1:task=t1 a0:t2:task=t2 a0:w1:timer:due a1 a2 t1 t2 w1")
    );
    assert_eq!((b.0.as_str(), b.3.clone()), ("a1", words("a1 t1 w1 t2 a2")));
    assert_eq!((c.0.as_str(), c.3.clone()), ("b0", words("n1 b1 t3")));
    assert_eq!(tables.dead_letters.len(), 4);
    assert!(calls > 50, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_call_fails_or_loses_its_reply_nothing_shows() {
    let cluster = cluster();
    let (_, calls) = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let faults = [Fault::Fails, Fault::LosesReply];
    let plans = (1..=calls).flat_map(|call| faults.map(|fault| (call, fault)));
    let plans = plans.map(|(call, fault)| (format!("{fault:?} {call}"), Plan::At(call, fault)));
    compare(plans, &cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_process_ends_nothing_shows() {
    let cluster = cluster();
    let (_, calls) = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let plans = (1..=calls).map(|call| {
        let plan = Plan::At(call, Fault::EndsAfter);
        (format!("end after {call}"), plan)
    });
    compare(plans, &cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_faults_in_one_life_do_not_show_either() {
    let cluster = cluster();
    let plans = (0..100).map(|seed| {
        let plan = Plan::Drawn {
            seed,
            one_in: 8,
            left: 40,
        };
        (format!("seed {seed}"), plan)
    });
    compare(plans, &cluster).await;
}
