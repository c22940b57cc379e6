//! An audit of very many purchases: what it holds in memory does not grow with them.
//!
//! The build server compares two sizes of one world; `make scale` audits a million purchases, or as many
//! as COUNTERFLOW_AUDIT_PURCHASES says.

mod group;
mod world;

use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use harness::{Broker as _, Processes, kafka::Kafka, wait};
use schemas::topics;
use world::World;

const PATIENCE: Duration = Duration::from_secs(120);
/// What the long form takes at most for a purchase: to make it, and to audit it.
const PATIENCE_EACH: Duration = Duration::from_millis(5);
const GIB: u64 = 1 << 30;
/// More than the longest run of shops takes on their own clock.
const AGO_MICROS: i64 = 3 * 3_600 * 1_000_000;

/// A world on Kafka and in SQLite files, and the program that audits it.
struct Scale {
    kafka: Kafka,
    processes: Processes,
    partitions: i32,
}

/// What an audit took.
#[derive(Debug)]
struct Took {
    peak_bytes: u64,
    time: Duration,
}

impl Scale {
    fn start(partitions: i32) -> Self {
        let kafka = Kafka::start().unwrap();
        let shared = [
            topics::PURCHASES,
            topics::PAYMENTS,
            topics::RESERVATIONS,
            topics::SHIPMENTS,
            topics::STOCK,
        ];
        for topic in shared {
            kafka.create_topic(topic, partitions).unwrap();
        }
        let mut processes = Processes::new().unwrap();
        let url = format!("sqlite://{}/databases", processes.folder().display());
        processes
            .set("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap())
            .set("COUNTERFLOW__DATABASE__URL", url);
        Self {
            kafka,
            processes,
            partitions,
        }
    }

    async fn world(&self) -> World {
        let databases = self.processes.folder().join("databases");
        fs::create_dir_all(&databases).unwrap();
        let url = format!("sqlite://{}", databases.display());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let start = i64::try_from(since.as_micros()).unwrap() - AGO_MICROS;
        World::open((&self.kafka.bootstrap(), self.partitions), &url, start).await
    }

    /// Audits, and expects nothing but good.
    fn audit(&self, purchases: usize) -> Took {
        let started = Instant::now();
        let mut audit = self.processes.start("audit", &["audit"]).unwrap();
        let status = format!("/proc/{}/status", audit.pid());
        let patience = PATIENCE + PATIENCE_EACH * u32::try_from(purchases).unwrap();
        let mut peak_bytes = 0;
        wait::eventually(patience, "the audit has ended", || {
            let status = fs::read_to_string(&status).unwrap_or_default();
            peak_bytes = peak_bytes_of(&status).unwrap_or_default().max(peak_bytes);
            !audit.is_running()
        });
        let took = Took {
            peak_bytes,
            time: started.elapsed(),
        };
        let ended = audit.wait(PATIENCE).unwrap();
        assert_eq!(ended.code(), Some(0), "{}", audit.output());
        took
    }
}

/// The most memory that a process has used so far.
fn peak_bytes_of(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

fn say(actions: usize, records: u64, took: &Took) {
    let (mib, seconds) = (took.peak_bytes >> 20, took.time.as_secs_f64());
    eprintln!("{actions} actions of shops, {records} records: {mib} MiB at most, {seconds:.1} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_audit_holds_does_not_grow_with_the_purchases() {
    match std::env::var("COUNTERFLOW_AUDIT_PURCHASES") {
        Ok(count) => many(count.parse().expect("a number")).await,
        Err(_) => two_sizes().await,
    }
}

/// One partition, so that a shard has everything: were a shard held as a whole, three times the
/// purchases would take twice the memory and more. The small world fills several parts and all that is
/// read ahead. What a million takes is not told by this: `make scale` measures it.
async fn two_sizes() {
    const SMALL: usize = 10_000;
    const LARGE: usize = 3 * SMALL;
    let scale = Scale::start(1);
    let mut world = scale.world().await;
    let records = world.grow(SMALL).await;
    let small = scale.audit(SMALL);
    say(SMALL, records, &small);
    let records = world.grow(LARGE - SMALL).await;
    let large = scale.audit(LARGE);
    say(LARGE, records, &large);
    assert!(
        large.peak_bytes < small.peak_bytes * 8 / 5,
        "{small:?}, {large:?}"
    );
}

async fn many(actions: usize) {
    let scale = Scale::start(12);
    let mut world = scale.world().await;
    let started = Instant::now();
    let records = world.grow(actions).await;
    eprintln!("made in {:.0} s", started.elapsed().as_secs_f64());
    let took = scale.audit(actions);
    say(actions, records, &took);
    assert!(took.peak_bytes < GIB, "{took:?}");
}
