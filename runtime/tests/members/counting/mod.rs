//! A group that counts, and a cluster to run it on.

mod group;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use runtime::{
    Config, Group, Record, Service,
    bookkeeping::rows::{DeadLetter, Position},
    kafka::{
        in_process::InProcessCluster,
        readers::{self, GroupReads},
        scan::Scanner,
    },
    rows::Row,
    status::Status,
    store::{Cells, Kind, Mode, Statement, Store, open},
};
use tokio_util::sync::CancellationToken;

pub(crate) use group::{Counting, Flaky};

/// Waits until a condition holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    patience: Duration,
    what: &str,
    mut holds: impl FnMut() -> F,
) {
    let deadline = Instant::now() + patience;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const STRAY: &str = "stray.v1";
const DEAD_LETTERS: &str = "counting.dead-letters.v1";

pub(crate) struct Cluster {
    kafka: InProcessCluster,
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    topic: String,
    partitions: i32,
    attempts: Arc<AtomicU64>,
    accepts: Arc<AtomicBool>,
    producer: ThreadedProducer<DefaultProducerContext>,
}

pub(crate) struct Running {
    pub(crate) status: Arc<Status>,
    resumed: Arc<tokio::sync::Notify>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), runtime::RunError>>,
}

impl Running {
    /// Whether it has paused over too many dead letters.
    pub(crate) fn waits_for_operator(&self) -> bool {
        let waiting = self.status.report().waiting;
        waiting.values().any(|(why, _)| why.contains("operator"))
    }

    /// What `POST /resume` does.
    pub(crate) fn resume(&self) {
        self.resumed.notify_one();
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Drops everything at whatever it is doing, as a crash would.
    pub(crate) fn kill(self) {
        self.task.abort();
    }
}

impl Cluster {
    pub(crate) async fn new(partitions: i32) -> Self {
        Self::with_facts_on(partitions, partitions).await
    }

    /// One whose topic of facts has another number of partitions.
    pub(crate) async fn with_facts_on(partitions: i32, of_facts: i32) -> Self {
        let kafka = InProcessCluster::start().unwrap();
        let topic = "counting.v1".to_owned();
        for (name, partitions) in [
            (topic.as_str(), partitions),
            ("counted.v1", of_facts),
            (DEAD_LETTERS, partitions),
            (STRAY, partitions),
        ] {
            kafka.create_topic(name, partitions).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().display());
        let store = open(&url, Counting::NAME).unwrap();
        let attempts = Arc::default();
        let accepts = Arc::default();
        let group = Counting::new(&topic, 3, Arc::clone(&accepts));
        runtime::migrate(&group, store.as_ref()).await.unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", kafka.bootstrap_servers())
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        Self {
            kafka,
            folder,
            store,
            topic,
            partitions,
            attempts,
            accepts,
            producer,
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) fn member(&self, change: impl FnOnce(&mut Config)) -> Running {
        let mut config = Config::new(self.kafka.bootstrap_servers(), Counting::NAME);
        config.session_timeout = Duration::from_secs(6);
        config.tick = Duration::from_millis(50);
        config.backoff = (Duration::from_millis(10), Duration::from_millis(200));
        config.dead_letter_topic = DEAD_LETTERS.to_owned();
        config.batch_records_max = 200;
        change(&mut config);
        let group = Counting::new(
            &self.topic,
            config.reader_version,
            Arc::clone(&self.accepts),
        );
        let worker = Flaky {
            attempts: Arc::clone(&self.attempts),
            accepts: Arc::clone(&self.accepts),
        };
        let service = Service::new(group, worker, Arc::clone(&self.store), config);
        let (status, resumed) = (service.status(), service.resumed());
        let stop = CancellationToken::new();
        let shutdown = stop.clone().cancelled_owned();
        let task = tokio::spawn(service.run(shutdown));
        Running {
            status,
            resumed,
            stop,
            task,
        }
    }

    pub(crate) fn produce(&self, records: impl IntoIterator<Item = (String, String)>) {
        for (key, payload) in records {
            let record = BaseRecord::to(&self.topic).key(&key).payload(&payload);
            self.producer
                .send(record)
                .map_err(|(error, _)| error)
                .unwrap();
        }
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    /// Publishes a record to a partition that its key may not belong to.
    pub(crate) fn produce_to(&self, partition: i32, key: &str, payload: &str) {
        let record = BaseRecord::to(&self.topic).partition(partition);
        let sent = self.producer.send(record.key(key).payload(payload));
        sent.map_err(|(error, _)| error).unwrap();
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    pub(crate) fn strays(&self) -> usize {
        self.read(STRAY).len()
    }

    pub(crate) fn deny(&self, topic: &str, is_denied: bool) {
        self.kafka.refuse_topic(topic, is_denied).unwrap();
    }

    pub(crate) fn refuse_to_publish(&self, requests: usize) {
        self.kafka.refuse_to_publish(requests);
    }

    pub(crate) fn accept_refused(&self) {
        self.accepts.store(true, Ordering::Relaxed);
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(crate) async fn total(&self) -> i64 {
        self.number("SELECT COALESCE(SUM(total), 0) FROM counters")
            .await
    }

    pub(crate) async fn order_of(&self, counter: &str) -> Vec<String> {
        let sql = format!("SELECT history FROM counters WHERE counter = '{counter}'");
        let Cells::Text(rows) = self.query(&sql, Kind::Text).await else {
            panic!("not text")
        };
        rows.into_iter()
            .flatten()
            .flat_map(|all| words(&all))
            .collect()
    }

    pub(crate) async fn accounted(&self) -> i64 {
        // In one statement: a member may be writing.
        let sql = "SELECT COALESCE(SUM(CASE \
             WHEN applied + duplicates + ignored + set_aside + parked = next_offset - start_offset \
             THEN next_offset - start_offset ELSE -1000000 END), 0) FROM positions";
        let accounted = self.number(sql).await;
        assert!(accounted >= 0, "in {}", Position::TABLE.name);
        accounted
    }

    pub(crate) async fn dead_letters(&self) -> Vec<String> {
        let sql = format!("SELECT reason FROM {}", DeadLetter::TABLE.name);
        let Cells::Text(rows) = self.query(&sql, Kind::Text).await else {
            panic!("not text")
        };
        rows.into_iter().flatten().collect()
    }

    pub(crate) async fn redrive_all(&self) {
        self.execute("UPDATE dead_letters SET state = 'redrive'")
            .await;
    }

    /// Whether the one dead letter lies there after so many redrives.
    pub(crate) async fn set_aside_after(&self, redrives: i64) -> bool {
        let sql = format!(
            "SELECT COUNT(*) FROM dead_letters WHERE state = 'set_aside' AND redrives = {redrives}"
        );
        self.number(&sql).await == 1
    }

    /// What the group says of itself to others.
    pub(crate) async fn readers(&self) -> Vec<GroupReads> {
        let (bootstrap, topic) = (self.kafka.bootstrap_servers(), self.topic.clone());
        let ask = move || {
            let groups = [Counting::NAME];
            let timeout = Duration::from_secs(10);
            readers::of_topic(&bootstrap, &BTreeMap::new(), &topic, &groups, timeout)
        };
        tokio::task::spawn_blocking(ask).await.unwrap().unwrap()
    }

    /// Puts the stored position of a partition behind the end of its topic, as a topic would that
    /// has lost its end.
    pub(crate) async fn misplace(&self, partition: i32, next_offset: i64) {
        self.execute(&format!(
            "UPDATE positions SET next_offset = {next_offset} WHERE partition = {partition}"
        ))
        .await;
    }

    /// An operator's word: the halted partitions go on at an offset, or at their first record.
    pub(crate) async fn decide(&self, to: Option<i64>) {
        let to = to.map_or("NULL".to_owned(), |to| to.to_string());
        self.execute(&format!(
            "UPDATE halts SET state = 'asked', move_to = {to}, moved_by = 'ada', \
             reason = 'a test', asked_at = 1 WHERE state = 'standing'"
        ))
        .await;
    }

    /// Halts in a state.
    pub(crate) async fn halts(&self, state: &str) -> i64 {
        self.number(&format!(
            "SELECT COUNT(*) FROM halts WHERE state = '{state}'"
        ))
        .await
    }

    /// How often redriven dead letters have come back.
    pub(crate) async fn redrives(&self) -> i64 {
        self.number("SELECT COALESCE(SUM(redrives), 0) FROM dead_letters")
            .await
    }

    /// How many rows a table has, or such as fit a condition.
    pub(crate) async fn count(&self, which: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {which}")).await
    }

    pub(crate) async fn take_all_shards(&self, owner: &str) {
        self.execute(&format!(
            "UPDATE shards SET epoch = epoch + 1, owner = '{owner}'"
        ))
        .await;
    }

    /// Distinct events that were published.
    pub(crate) fn facts(&self) -> BTreeMap<String, usize> {
        let mut facts = BTreeMap::new();
        for record in self.read("counted.v1") {
            let id = record.headers.text("id").unwrap().to_owned();
            *facts.entry(id).or_default() += 1;
        }
        facts
    }

    pub(crate) fn published_dead_letters(&self) -> Vec<Record> {
        self.read(DEAD_LETTERS)
    }

    pub(crate) fn records(&self) -> usize {
        self.read(&self.topic).len()
    }

    fn read(&self, topic: &str) -> Vec<Record> {
        let bootstrap = self.kafka.bootstrap_servers();
        let scanner = Scanner::connect(&bootstrap, &BTreeMap::new()).unwrap();
        let mut records = Vec::new();
        for partition in 0..self.partitions {
            scanner
                .read(topic, partition, |record| records.push(record))
                .unwrap();
        }
        records
    }

    async fn number(&self, sql: &str) -> i64 {
        let Cells::Long(rows) = self.query(sql, Kind::Long).await else {
            panic!("not a number")
        };
        rows.into_iter().flatten().sum()
    }

    async fn query(&self, sql: &str, kind: Kind) -> Cells {
        assert!(self.folder.path().exists());
        let mut transaction = self.store.begin(Mode::Snapshot).await.unwrap();
        let statement = Statement::new(sql, sql);
        let kinds = [kind];
        let mut columns = transaction.query(&statement, vec![], &kinds).await.unwrap();
        transaction.commit().await.unwrap();
        columns.remove(0)
    }

    async fn execute(&self, sql: &str) {
        let mut transaction = self.store.begin(Mode::Write).await.unwrap();
        transaction
            .execute(&Statement::new(sql, sql), vec![])
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
