//! The shops: stock for their shelves, then purchases through the storefront and straight to Kafka.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use client::{Publisher, spool::SpoolConfig};
use runtime::store::{Cells, Kind, Mode, Statement};
use schemas::{Encoder, domain::StockReceived};
use tokio::task::JoinHandle;

use super::{Arguments, world::World};

/// How many of each item come in before the shops open: enough for all but what is never in stock.
const RECEIVED: i64 = 1_000_000;
/// The share of purchases that go through the storefront's API; the rest are published directly.
const HTTP_SHARE: f64 = 0.3;

/// How fast the shops sell: slow enough that every process is killed while purchases are on their
/// way, and that the in-process cluster keeps up on two cores.
const PURCHASES_PER_SECOND: f64 = 400.0;
/// How long the stock may take to come in.
const SHELVES_MAX: Duration = Duration::from_secs(60);

/// The shops' run.
pub(super) struct Traffic {
    running: JoinHandle<Result<simulator::Report, simulator::Error>>,
    publisher: Arc<Publisher>,
    wanted: u64,
}

/// Opens the shops.
pub(super) async fn start(world: &World, arguments: &Arguments) -> Result<Traffic> {
    let mut config = client::Config::new(world.bootstrap_servers());
    config = config.spooled(SpoolConfig::in_folder(world.folder().join("shops-spool")));
    let publisher = Publisher::open(&config, &prometheus::Registry::new())
        .context("open the publisher of the shops")?;
    let publisher = Arc::new(publisher);
    let encoder = Encoder::new();
    let now = jiff::Timestamp::now().as_microsecond();
    for sku in simulator::catalogue::stocked_skus() {
        let movement = StockReceived {
            event_id: schemas::ids::derived(&sku, "demo.received"),
            sku,
            occurred_at: now,
            causation_id: None,
            quantity: RECEIVED,
        };
        client::stock::stock_received(&publisher, &encoder, movement)
            .await
            .context("receive stock")?;
    }
    until_on_shelves(world).await?;
    let mut plan = simulator::Plan::new(arguments.seed, now);
    plan.rate = Some(PURCHASES_PER_SECOND);
    plan.count = Some(arguments.purchases);
    plan.shares.http = HTTP_SHARE;
    let ways = simulator::Ways {
        publisher: Arc::clone(&publisher),
        encoder,
        storefront: Some(world.storefront_url()),
        journal: Some(world.intents()),
        shows_progress: false,
    };
    let running =
        tokio::spawn(async move { simulator::run(&plan, ways, std::future::pending()).await });
    Ok(Traffic {
        running,
        publisher,
        wanted: arguments.purchases,
    })
}

/// Waits until inventory knows the stock: no order holds between topics, and a purchase that is
/// read first finds empty shelves.
async fn until_on_shelves(world: &World) -> Result<()> {
    let wanted = i64::try_from(simulator::catalogue::stocked_skus().count())?;
    let deadline = Instant::now() + SHELVES_MAX;
    let statement = Statement::new(STOCKED, STOCKED);
    loop {
        let mut transaction = world.store("inventory").begin(Mode::Snapshot).await?;
        let columns = transaction.query(&statement, vec![], &[Kind::Long]).await?;
        transaction.commit().await?;
        if let Some(Cells::Long(count)) = columns.first()
            && count.first().copied().flatten() >= Some(wanted)
        {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "the stock did not come in");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many items are on the shelves.
const STOCKED: &str = "SELECT COUNT(*) FROM stock WHERE on_hand > 0";

impl Traffic {
    pub(super) fn is_over(&self) -> bool {
        self.running.is_finished()
    }

    /// What the shops have accepted and Kafka does not have yet.
    pub(super) fn spooled_bytes(&self) -> u64 {
        self.publisher.health().spool_bytes
    }

    pub(super) fn wanted(&self) -> u64 {
        self.wanted
    }

    /// What the shops did.
    pub(super) async fn report(self) -> Result<simulator::Report> {
        Ok(self.running.await.context("the shops' task")??)
    }
}
