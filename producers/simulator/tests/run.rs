//! Whole runs: against an in-process Kafka cluster and a real storefront.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use client::testing::Cluster;
use client::{Publisher, Record};
use prometheus::Registry;
use schemas::{Encoder, topics};
use simulator::journal::{self, Line};
use simulator::{Clock, Error, Plan, Ways, action::Deed, run, run_by, shop::Shop};
use storefront::{Listeners, Pending, PurchaseStatus, ReadModel, Storefront, TimelineEntry};
use tokio::net::TcpListener;

const START: i64 = 1_700_000_000_000_000;
/// Where shops, and whoever spoils things, publish.
const TOPICS: [&str; 5] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::RESERVATIONS,
    topics::SHIPMENTS,
    topics::STOCK,
];
const PATIENCE: Duration = Duration::from_secs(30);

fn plan(count: u64) -> Plan {
    let mut plan = Plan::new(11, START);
    plan.count = Some(count);
    plan.shares.poison = 0.05;
    plan.window = 200;
    plan
}

fn publisher(cluster: &Cluster) -> Arc<Publisher> {
    let mut config = client::Config::new(cluster.bootstrap_servers());
    config.publish_timeout = PATIENCE;
    Arc::new(Publisher::open(&config, &Registry::new()).unwrap())
}

fn ways(publisher: Arc<Publisher>) -> Ways {
    Ways {
        publisher,
        encoder: Encoder::new(),
        storefront: None,
        journal: None,
        shows_progress: false,
    }
}

/// What a plan has published, on whatever topic.
fn published(cluster: &Cluster, plan: &Plan) -> Vec<Record> {
    let mut per_topic: HashMap<String, usize> = HashMap::new();
    for action in Shop::new(plan) {
        let topic = match action.deed {
            Deed::Poison(poison) => poison.record.topic.clone(),
            Deed::Buy { .. } | Deed::Cancel { .. } => topics::PURCHASES.to_owned(),
        };
        *per_topic.entry(topic).or_default() += 1;
    }
    let each = per_topic.iter();
    each.flat_map(|(topic, count)| cluster.read(topic, *count, PATIENCE).unwrap())
        .collect()
}

fn sorted_payloads(records: Vec<Record>) -> Vec<Option<Vec<u8>>> {
    let mut payloads: Vec<_> = records.into_iter().map(|record| record.payload).collect();
    payloads.sort();
    payloads
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_publishes_what_its_journal_and_its_report_say() {
    let cluster = Cluster::start(&TOPICS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut ways = ways(publisher(&cluster));
    ways.journal = Some(folder.path().join("journal"));
    let path = ways.journal.clone().unwrap();
    let report = run(&plan(2_000), ways, pending()).await.unwrap();
    assert_eq!(report.actions, 2_000);
    assert_eq!(report.outcomes, [("stored".to_owned(), 2_000)].into());
    let poison: u64 = report.poison.values().sum();
    let bought: u64 = report.by_kind.values().sum();
    assert_eq!(bought + poison + report.cancellations, 2_000);
    assert!(poison > 50 && report.by_version.len() == 3);

    let records = published(&cluster, &plan(2_000));
    assert_eq!(records.len(), 2_000);
    let spoilt: u64 = (report.expected_reasons.values())
        .flat_map(|reasons| reasons.values())
        .sum();
    assert_eq!(spoilt, poison);
    assert!(
        report.expected_reasons.len() >= 4,
        "on the topics of groups too"
    );
    let mut outcomes = HashMap::new();
    let mut intents = HashSet::new();
    for line in journal::read(&path).unwrap() {
        match line.unwrap() {
            Line::Intent {
                number, event_id, ..
            } => {
                assert!(!outcomes.contains_key(&number), "an intent comes first");
                intents.insert(event_id);
            }
            Line::Outcome {
                number, outcome, ..
            } => _ = outcomes.insert(number, outcome),
        }
    }
    assert_eq!(outcomes.len(), 2_000);
    for record in &records {
        let is_spoilt = record.event_id == "another" || record.event_id.contains('\u{fffd}');
        assert!(
            is_spoilt || intents.contains(&record.event_id),
            "{record:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_publishes_the_same_bytes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let cluster = Cluster::start(&TOPICS).unwrap();
        run(&plan(500), ways(publisher(&cluster)), pending())
            .await
            .unwrap();
        runs.push(sorted_payloads(published(&cluster, &plan(500))));
    }
    assert_eq!(runs[0].len(), 500);
    assert_eq!(runs[0], runs[1]);
}

/// Knows nothing.
struct Nothing;

impl ReadModel for Nothing {
    fn status<'a>(&'a self, _: &'a str) -> Pending<'a, Option<PurchaseStatus>> {
        Box::pin(async { Ok(None) })
    }
    fn timeline<'a>(&'a self, _: &'a str) -> Pending<'a, Vec<TimelineEntry>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_goes_through_the_storefront_under_the_same_ids() {
    let cluster = Cluster::start(&TOPICS).unwrap();
    let publisher = publisher(&cluster);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut ways = ways(Arc::clone(&publisher));
    ways.storefront = Some(format!("http://{}", listener.local_addr().unwrap()));
    let storefront = Storefront {
        config: storefront::Config::default(),
        encoder: Encoder::new(),
        publisher,
        read_model: Arc::new(Nothing),
        registry: Registry::new(),
    };
    let listeners = Listeners {
        public: listener,
        admin: None,
    };
    let server = tokio::spawn(storefront::run(storefront, listeners, pending()));
    let mut plan = plan(600);
    plan.shares.http = 0.5;
    let report = run(&plan, ways, pending()).await.unwrap();
    server.abort();
    let accepted = report.outcomes["accepted"];
    assert!((200..400).contains(&accepted), "{report:?}");
    assert_eq!(accepted + report.outcomes["stored"], 600);
    let records = published(&cluster, &plan);
    assert_eq!(records.len(), 600);
    let keys: HashSet<&[u8]> = records
        .iter()
        .filter_map(|record| record.key.as_deref())
        .collect();
    for action in Shop::new(&plan) {
        if let Deed::Buy { purchase, .. } = action.deed {
            assert!(keys.contains(purchase.purchase_id.as_bytes()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_without_a_storefront_is_a_mistake() {
    let cluster = Cluster::start(&[topics::PURCHASES]).unwrap();
    let mut plan = plan(10);
    plan.shares.http = 0.5;
    let refused = run(&plan, ways(publisher(&cluster)), pending()).await;
    assert!(matches!(refused, Err(Error::NoStorefront)));
}

/// Stands still until somebody waits.
#[derive(Default)]
struct TestClock(AtomicU64);

impl TestClock {
    /// Ready once so much time was waited for.
    async fn strikes(&self, at: Duration) {
        std::future::poll_fn(|_| match self.elapsed() >= at {
            true => Poll::Ready(()),
            // Whoever waits goes on at once, and polls this again.
            false => Poll::Pending,
        })
        .await;
    }
}

impl Clock for TestClock {
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    async fn wait(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_and_a_stop_is_heeded() {
    let cluster = Cluster::start(&[topics::PURCHASES]).unwrap();
    let mut plan = Plan::quiet(1, START);
    plan.rate = Some(200.0);
    let clock = TestClock::default();
    let stop = clock.strikes(Duration::from_millis(500));
    let report = run_by(&clock, &plan, ways(publisher(&cluster)), stop)
        .await
        .unwrap();
    assert_eq!(report.actions, 100, "{report:?}");
    assert_eq!(report.outcomes["stored"], 100);
    assert!((report.rate() - 200.0).abs() < f64::EPSILON, "{report:?}");
}
