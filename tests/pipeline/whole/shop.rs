//! What the tests publish: purchases as the simulated shops make them, stock, and records of their own.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use client::{Publisher, Receipt, Record};
use prometheus::Registry;
use schemas::{
    Encoder, Purchase,
    domain::{Event, Fact, StockReceived},
};
use simulator::{Mix, Plan, Report, Ways, action::Deed, catalogue, shop::Shop};

/// A broker may be restarted meanwhile.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);

/// A record's place.
pub(crate) type Place = (i32, i64);

/// A producer of events, from tests that are not asynchronous.
pub(crate) struct Counter {
    runtime: tokio::runtime::Runtime,
    publisher: Arc<Publisher>,
    encoder: Encoder,
}

impl Counter {
    pub(crate) fn open(bootstrap: &str) -> Self {
        Self::with_encoder(bootstrap, Encoder::new())
    }

    /// One that names schemas as an encoder does.
    pub(crate) fn with_encoder(bootstrap: &str, encoder: Encoder) -> Self {
        let mut config = client::Config::new(bootstrap);
        config.publish_timeout = PUBLISHED_WITHIN;
        config
            .kafka
            .insert("reconnect.backoff.max.ms".to_owned(), "500".to_owned());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let publisher = {
            let _context = runtime.enter();
            Arc::new(Publisher::open(&config, &Registry::new()).unwrap())
        };
        Self {
            runtime,
            publisher,
            encoder,
        }
    }

    /// Publishes records in order: where each is.
    pub(crate) fn publish(&self, records: Vec<Record>) -> Vec<Place> {
        let results = self.runtime.block_on(self.publisher.publish_all(records));
        let place = |result| match result {
            Ok(Receipt::Stored {
                partition, offset, ..
            }) => (partition, offset),
            other => panic!("not stored: {other:?}"),
        };
        results.into_iter().map(place).collect()
    }

    /// Publishes purchases, each in the version that it says it was written with.
    pub(crate) fn buy(&self, purchases: &[Purchase]) -> Vec<Place> {
        let record = |purchase: &Purchase| self.record(purchase, purchase.written_version);
        self.publish(purchases.iter().map(record).collect())
    }

    /// A purchase as a record of a version.
    pub(crate) fn record(&self, purchase: &Purchase, version: u8) -> Record {
        let encoded = self.encoder.encode_purchase(purchase, u32::from(version));
        encoded.unwrap().into()
    }

    /// Puts so many of every item that the shops sell on the shelves.
    pub(crate) fn fill_shelves(&self, quantity: i64) {
        self.receive(|_| quantity);
    }

    /// Puts so many of each SKU on its shelf.
    pub(crate) fn receive(&self, quantity: impl Fn(&str) -> i64) {
        let received = |sku: String| {
            let quantity = quantity(&sku);
            let movement = StockReceived {
                event_id: schemas::ids::derived(&sku, "test.received"),
                sku,
                occurred_at: now(),
                causation_id: None,
                quantity,
            };
            let event = Event::Fact(Fact::StockReceived(movement));
            Record::from(self.encoder.encode_event(&event).unwrap())
        };
        self.publish(catalogue::stocked_skus().map(received).collect());
    }

    /// Runs the simulated shops to the end of a plan or until `stop` is ready, in part through a storefront.
    pub(crate) fn simulate(
        &self,
        plan: &Plan,
        storefront: &str,
        journal: std::path::PathBuf,
        stop: impl Future<Output = ()> + Send,
    ) -> Report {
        let ways = Ways {
            publisher: Arc::clone(&self.publisher),
            encoder: self.encoder.clone(),
            storefront: Some(storefront.to_owned()),
            journal: Some(journal),
            shows_progress: false,
        };
        let run = simulator::run(plan, ways, stop);
        self.runtime.block_on(run).unwrap()
    }
}

/// Now, microseconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// Purchases of nothing out of the ordinary, in one version; another seed gives others.
pub(crate) fn purchases(seed: u64, version: u8, count: usize) -> Vec<Purchase> {
    let mut plan = Plan::quiet(seed, now());
    let weight = |of: u8| u32::from(of == version);
    plan.mix = Mix {
        v1: weight(1),
        v2: weight(2),
        v3: weight(3),
    };
    let bought = Shop::new(&plan).filter_map(|action| match action.deed {
        Deed::Buy { purchase, .. } => Some(*purchase),
        Deed::Cancel { .. } | Deed::Poison(_) => None,
    });
    bought.take(count).collect()
}

/// A basket of several items, which version 1 cannot say.
pub(crate) fn basket(seed: u64) -> Purchase {
    let baskets = purchases(seed, 3, 100);
    let several = baskets
        .into_iter()
        .find(|purchase| purchase.lines.len() > 1);
    several.expect("three in four baskets have several lines")
}
