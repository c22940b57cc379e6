//! A pipeline on real services: Kafka, Postgres and the provider sandbox, with purchases on the
//! topic and goods on the shelves, before any group but inventory has read anything.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use harness::{
    Broker as _, Processes,
    kafka::Kafka,
    postgres::Postgres,
    processes::{self, Process},
};
use runtime::kafka::scan::Scanner;
use tokio_postgres::{Client, NoTls};

use crate::process::{self, Usage};

/// Longer than anything here takes on a machine that is fit to be measured on.
const PATIENCE: Duration = Duration::from_secs(900);
/// Between two looks at the positions.
const LOOK: Duration = Duration::from_millis(20);
/// Between two looks at the tasks: finding that some wait is cheap, finding that none does is not.
const LOOK_AT_TASKS: Duration = Duration::from_millis(200);

/// A group as it is measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Its name, which is its command and its schema too.
    pub group: &'static str,
    /// What it reads.
    pub topics: Vec<String>,
    /// Whether it has work outside, of which it is to be measured when all is done too.
    pub has_tasks: bool,
}

impl Measured {
    /// The groups, in the order in which each finds what the one before it has published.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let group = |group, topics: &[&str], has_tasks| Self {
            group,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            has_tasks,
        };
        vec![
            group("inventory", &inventory::TOPICS, false),
            group("payment", &payment::TOPICS, true),
            group("dispatch", &dispatch::TOPICS, false),
            group("analytics", &analytics::TOPICS, false),
            group("timeline", &timeline::TOPICS, false),
        ]
    }
}

/// How one member, alone, read what was there.
#[derive(Debug, Clone, Copy)]
pub struct Drained {
    /// Records read.
    pub records: i64,
    /// From the start of the process to its first committed batch.
    pub start: Duration,
    /// From the first committed batch that was seen to the last.
    pub drain: Duration,
    /// Records that were read between these two.
    pub drained_records: i64,
    /// What the process had used when its lag was 0, its start included.
    pub usage: Usage,
    /// From the start of the process until no task waited and nothing was unpublished, and what
    /// it had used by then.
    pub settled: Option<(Duration, Usage)>,
}

/// The services, and what runs on them all the time.
pub struct World {
    scanner: Scanner,
    client: Client,
    processes: Processes,
    _sandbox: Process,
    _postgres: Postgres,
    _kafka: Kafka,
}

impl World {
    /// Starts everything and fills the shelves: `quantity` of every item.
    ///
    /// # Errors
    /// When a service is not installed or something does not start.
    pub async fn start(quantity: u64) -> anyhow::Result<Self> {
        let kafka = Kafka::start()?;
        let postgres = Postgres::start()?;
        let database = postgres.fresh_database();
        let sandbox_at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut processes = Processes::new()?;
        processes
            .set("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap())
            .set("COUNTERFLOW__DATABASE__URL", &database)
            .set("COUNTERFLOW__PROVIDER__URL", format!("http://{sandbox_at}"))
            .set("COUNTERFLOW__PROVIDER__KEY", "sk_test_bench")
            .set("COUNTERFLOW__CARRIER__URL", format!("http://{sandbox_at}"))
            .set("COUNTERFLOW__LOG__LEVEL", "warn");
        let listen = format!("http.listen={sandbox_at}");
        let sandbox = processes.start("sandbox", &["provider-sandbox", "--set", &listen])?;
        let (client, connection) = tokio_postgres::connect(&database, NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        let scanner = Scanner::connect(&kafka.bootstrap(), &std::collections::BTreeMap::new())?;
        let world = Self {
            scanner,
            client,
            processes,
            _sandbox: sandbox,
            _postgres: postgres,
            _kafka: kafka,
        };
        world.once(&["topics", "apply"])?;
        world.once(&["migrate"])?;
        let goods = simulator::catalogue::stocked_skus().map(|sku| format!("{sku}={quantity}"));
        let goods: Vec<String> = goods.collect();
        let mut receive = vec!["stock", "receive", "--id", "bench"];
        receive.extend(goods.iter().map(String::as_str));
        world.once(&receive)?;
        Ok(world)
    }

    /// Runs a command of ours to its end.
    ///
    /// # Errors
    /// When it does not end well: what it said.
    pub fn once(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut process = self.processes.start(arguments[0], arguments)?;
        let status = process.wait(PATIENCE)?;
        anyhow::ensure!(
            status.success(),
            "counterflow {}: {status}\n{}",
            arguments[0],
            process.output()
        );
        Ok(())
    }

    /// Where the program was found: it says which build is measured.
    ///
    /// # Errors
    /// When it is not built.
    pub fn program() -> anyhow::Result<String> {
        Ok(processes::counterflow()?.display().to_string())
    }

    /// Starts one member of a group, waits until it has read everything that is there, and ends it.
    ///
    /// # Errors
    /// When it ends by itself or does not get there.
    pub async fn drain(&self, measured: &Measured) -> anyhow::Result<Drained> {
        let group = measured.group;
        let end = self.ends(&measured.topics)?;
        let before = self.positions(group).await?;
        let started = Instant::now();
        let mut process = self.processes.start(group, &[group])?;
        let (first_at, first) = self
            .until_read(&mut process, group, before + 1)
            .await
            .with_context(|| format!("wait for the first batch of {group}"))?;
        let (last_at, last) = self
            .until_read(&mut process, group, end)
            .await
            .with_context(|| format!("wait until {group} has read {end} records"))?;
        let usage = process::usage(process.pid())?;
        let mut settled = None;
        if measured.has_tasks {
            self.until_settled(&mut process, group).await?;
            settled = Some((started.elapsed(), process::usage(process.pid())?));
        }
        let status = process.terminate(Duration::from_secs(60))?;
        anyhow::ensure!(status.success(), "{group}: {status}\n{}", process.output());
        Ok(Drained {
            records: last - before,
            start: first_at - started,
            drain: last_at - first_at,
            drained_records: last - first,
            usage,
            settled,
        })
    }

    /// The sum of the positions, once it has reached `wanted`, and when it was seen.
    async fn until_read(
        &self,
        process: &mut Process,
        group: &str,
        wanted: i64,
    ) -> anyhow::Result<(Instant, i64)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let read = self.positions(group).await?;
            if read >= wanted {
                return Ok((Instant::now(), read));
            }
            still_runs(process, deadline, &format!("{read} of {wanted} records"))?;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn until_settled(&self, process: &mut Process, group: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let question = format!(
            "SELECT EXISTS (SELECT 1 FROM {group}.tasks WHERE state = 'waiting') \
             OR EXISTS (SELECT 1 FROM {group}.shards WHERE published_sequence < next_sequence - 1)"
        );
        loop {
            let row = self.client.query_one(&question, &[]).await?;
            if !row.get::<_, bool>(0) {
                return Ok(());
            }
            still_runs(process, deadline, "tasks wait")?;
            tokio::time::sleep(LOOK_AT_TASKS).await;
        }
    }

    async fn positions(&self, group: &str) -> anyhow::Result<i64> {
        let question =
            format!("SELECT COALESCE(SUM(next_offset), 0)::bigint FROM {group}.positions");
        Ok(self.client.query_one(&question, &[]).await?.get(0))
    }

    /// The sum of the ends of all partitions; every topic here begins at 0.
    fn ends(&self, topics: &[String]) -> anyhow::Result<i64> {
        let mut sum = 0;
        for topic in topics {
            for partition in 0..self.scanner.partitions(topic)? {
                sum += self.scanner.bounds(topic, partition)?.1;
            }
        }
        Ok(sum)
    }
}

fn still_runs(process: &mut Process, deadline: Instant, state: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        process.is_running(),
        "the process has ended:\n{}",
        process.output()
    );
    anyhow::ensure!(Instant::now() < deadline, "not in time: {state}");
    Ok(())
}
