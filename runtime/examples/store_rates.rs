//! How many rows a second the stores take: one transaction per batch, each with a load by key, an
//! upsert of what was loaded and an append, as a group's batch has.
//!
//! `cargo run --release -p runtime --example store_rates -- sqlite:///tmp/rates [postgres://...]`
#![expect(
    clippy::print_stdout,
    reason = "a measuring program prints what it measured"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::{
    rows::Rows,
    store::{self, Migration, Mode, Statement, Store, StoreError},
};

runtime::table! {
    /// A payment as a group keeps it.
    pub struct Payment in "payments" {
        key {
            /// The purchase.
            purchase_id: String,
        }
        /// Bits of the facts that are known.
        known: i64,
        /// In minor units.
        amount_minor: i64,
        /// ISO 4217.
        currency: String,
        /// The provider's reference.
        intent_id: Option<String>,
        /// When the purchase was made.
        occurred_at: i64,
        /// A hash of the purchase's content.
        content_hash: Vec<u8>,
        /// Whether it has reached its end.
        settled: bool,
    }
}

runtime::table! {
    /// An event to be published.
    pub struct Event in "events" {
        key {
            /// Deterministic.
            event_id: String,
        }
        /// The key.
        key: String,
        /// The encoded event.
        payload: Vec<u8>,
    }
}

runtime::row_sets! {
    /// What a batch touches.
    pub struct RateRows, keys RateKeys {
        load payments: Payment,
        append events: Event,
    }
}

const MIGRATIONS: [Migration; 1] = [Migration {
    number: 1,
    name: "payments and events",
    postgres: "CREATE TABLE payments (purchase_id text PRIMARY KEY, known bigint NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor >= 0), currency text NOT NULL,
        intent_id text, occurred_at bigint NOT NULL, content_hash bytea NOT NULL,
        settled boolean NOT NULL);
        CREATE TABLE events (event_id text PRIMARY KEY, key text NOT NULL, payload bytea NOT NULL)",
    sqlite: "CREATE TABLE payments (purchase_id TEXT PRIMARY KEY, known INTEGER NOT NULL,
        amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0), currency TEXT NOT NULL,
        intent_id TEXT, occurred_at INTEGER NOT NULL, content_hash BLOB NOT NULL,
        settled INTEGER NOT NULL) STRICT;
        CREATE TABLE events (event_id TEXT PRIMARY KEY, key TEXT NOT NULL, payload BLOB NOT NULL)
        STRICT",
}];

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for url in std::env::args().skip(1) {
        let store = store::open(&url, "rates")?;
        store.migrate("rates", &MIGRATIONS).await?;
        for (lanes, batch_rows) in [(1, 500), (1, 2000), (4, 500), (4, 2000)] {
            let rate = rate(&store, lanes, batch_rows).await?;
            let database = url.split(':').next().unwrap_or_default();
            println!("{database}: {lanes} lanes, {batch_rows} events/batch: {rate:.0} events/s");
        }
    }
    Ok(())
}

/// Events per second; half of the purchases of a batch are known from the batch before.
async fn rate(store: &Arc<dyn Store>, lanes: u64, batch_rows: u64) -> Result<f64, StoreError> {
    let mut transaction = store.begin(Mode::Write).await?;
    for text in ["DELETE FROM payments", "DELETE FROM events"] {
        let empty = Statement::new(text, text);
        transaction.execute(&empty, vec![]).await?;
    }
    transaction.commit().await?;
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for lane in 0..lanes {
        let store = Arc::clone(store);
        running.spawn(async move {
            let mut events = 0;
            while started.elapsed() < MEASURED {
                batch(&*store, lane, events / 2, batch_rows).await?;
                events += batch_rows;
            }
            Ok::<u64, StoreError>(events)
        });
    }
    let mut events = 0;
    for lane in running.join_all().await {
        events += lane?;
    }
    Ok(events as f64 / started.elapsed().as_secs_f64())
}

async fn batch(store: &dyn Store, lane: u64, first: u64, rows: u64) -> Result<(), StoreError> {
    let mut keys = RateKeys::default();
    let ids: Vec<String> = (first..first + rows)
        .map(|n| {
            format!(
                "{lane:04x}{:016x}{n:016x}",
                n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            )
        })
        .collect();
    keys.payments.extend(ids.iter().cloned());
    let mut transaction = store.begin(Mode::Write).await?;
    let mut loaded = RateRows::default();
    loaded.load(&keys, &mut *transaction).await?;
    for (n, id) in (first..).zip(ids) {
        loaded.mark();
        let known = loaded
            .payments
            .get(&(id.clone(),))
            .map_or(0, |row| row.known);
        loaded.events.push(Event {
            event_id: format!("{id}:{known}"),
            key: id.clone(),
            payload: vec![7; 200],
        });
        loaded.payments.put(Payment {
            purchase_id: id,
            known: known + 1,
            amount_minor: n as i64,
            currency: "EUR".to_owned(),
            intent_id: (known > 0).then(|| format!("pi_{n:020}")),
            occurred_at: 1_700_000_000_000_000 + n as i64,
            content_hash: vec![9; 32],
            settled: known > 1,
        });
    }
    loaded.write(&mut *transaction).await?;
    transaction.commit().await
}
