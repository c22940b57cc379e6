//! How fast one member of each group, alone, reads what is on its topics, and what it uses for it:
//! on Apache Kafka and Postgres, both as durable as in production, with purchases as shops publish
//! them.

#![expect(
    clippy::print_stdout,
    reason = "a measuring program prints what it has measured"
)]

use std::time::Duration;

use anyhow::Context as _;
use bench::world::{Drained, Measured, World};

/// How many actions of shops are on the topic.
const PURCHASES: &str = "COUNTERFLOW_BENCH_PURCHASES";
const PURCHASES_DEFAULT: u64 = 50_000;

fn main() -> anyhow::Result<()> {
    let purchases = match std::env::var(PURCHASES) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{PURCHASES}={text}"))?,
        Err(_) => PURCHASES_DEFAULT,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(measure(purchases))
}

async fn measure(purchases: u64) -> anyhow::Result<()> {
    println!("program    {}", World::program()?);
    println!(
        "machine    {} processors",
        std::thread::available_parallelism()?
    );
    println!("purchases  {purchases}");
    let world = World::start(purchases * 10).await?;
    let groups = Measured::all();
    // The goods are on the shelves before anybody buys.
    world.drain(&groups[0]).await?;
    let count = purchases.to_string();
    world.once(&["simulate", "--seed", "1", "--count", &count])?;
    println!();
    println!(
        "{:<10} {:>9} {:>8} {:>8} {:>10} {:>12} {:>8}",
        "group", "records", "start s", "drain s", "records/s", "cpu s/M rec", "peak MB"
    );
    for group in &groups {
        let drained = world.drain(group).await?;
        print(group.group, &drained);
    }
    Ok(())
}

fn print(group: &str, drained: &Drained) {
    let records = drained.records as f64;
    let rate = drained.drained_records as f64 / drained.drain.as_secs_f64().max(0.001);
    let per_million = |cpu_seconds: f64| cpu_seconds / records * 1e6;
    println!(
        "{group:<10} {:>9} {:>8} {:>8} {rate:>10.0} {:>12.1} {:>8}",
        drained.records,
        seconds(drained.start),
        seconds(drained.drain),
        per_million(drained.usage.cpu_seconds),
        drained.usage.peak_bytes >> 20,
    );
    if let Some((took, usage)) = drained.settled {
        println!(
            "{:<10} {:>9} {:>8} {:>8} {:>10.0} {:>12.1} {:>8}",
            "  + tasks",
            "",
            "",
            seconds(took),
            records / took.as_secs_f64(),
            per_million(usage.cpu_seconds),
            usage.peak_bytes >> 20,
        );
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}
