//! A world of any size at rest, made in a fraction of the time that it would take to live it: the
//! five groups decide with their own rules and write their own rows, and what they state is on Kafka.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use codec::Codec;
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use runtime::{
    Coordinates, Headers, Outgoing, Record,
    partitioner::partition_of,
    store::{Store, open},
};
use schemas::{Encoder, Event, Fact, domain::StockReceived, encode::Encoded};
use simulator::{Plan, action::Deed, catalogue, shop::Shop};

use super::group::Working;

/// As many as fit into memory together with all that comes of them.
const BATCH: usize = 10_000;
/// How long shops take for them.
const BATCH_MICROS: i64 = 50_000_000;
/// More than is ever sold.
const FILLED: i64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// The topics as they are written: what the next offset of each partition is.
struct Topics {
    producer: BaseProducer,
    partitions: i32,
    next: BTreeMap<(String, i32), i64>,
    records: u64,
}

impl Topics {
    fn open(bootstrap: &str, partitions: i32) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            .set("compression.type", "lz4")
            .create();
        Self {
            producer: producer.unwrap(),
            partitions,
            next: BTreeMap::new(),
            records: 0,
        }
    }

    /// Publishes a record, and says how it stands on its topic.
    fn publish(&mut self, outgoing: Outgoing, now: i64) -> Record {
        let partition = partition_of(&outgoing.key, self.partitions);
        let place = (outgoing.topic.clone(), partition);
        let next = self.next.entry(place).or_default();
        let offset = *next;
        *next += 1;
        self.records += 1;
        // The broker keeps milliseconds.
        let milliseconds = now / 1_000;
        let mut headers = OwnedHeaders::new();
        for (key, value) in &outgoing.headers.0 {
            let value = value.as_deref();
            headers = headers.insert(Header { key, value });
        }
        let payload = outgoing.payload.unwrap();
        let mut record = BaseRecord::to(&outgoing.topic)
            .partition(partition)
            .timestamp(milliseconds)
            .key(&outgoing.key)
            .payload(&payload)
            .headers(headers);
        while let Err((error, back)) = self.producer.send(record) {
            let is_full =
                error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull);
            assert!(is_full, "{error}");
            self.producer.poll(Duration::from_millis(10));
            record = back;
        }
        let at = Coordinates {
            topic: Arc::from(outgoing.topic.as_str()),
            partition,
            offset,
        };
        Record {
            at,
            key: Some(outgoing.key),
            payload: Some(payload),
            headers: outgoing.headers,
            timestamp_micros: milliseconds * 1_000,
        }
    }
}

/// The five groups.
struct Groups {
    payment: Working<payment::PaymentGroup>,
    inventory: Working<inventory::InventoryGroup>,
    dispatch: Working<dispatch::DispatchGroup>,
    analytics: Working<analytics::Analytics>,
    timeline: Working<timeline::Timeline>,
}

impl Groups {
    async fn open(url: &str, partitions: i32) -> Self {
        let codec = Arc::new(Codec::without_registry());
        let store = |group: &str| -> Arc<dyn Store> { open(url, group).unwrap() };
        let payment = payment::PaymentGroup::new(Arc::clone(&codec), "pm_card_visa");
        let deadlines = inventory::Deadlines::default();
        let inventory = inventory::InventoryGroup::new(Arc::clone(&codec), deadlines);
        let deadlines = dispatch::Deadlines::default();
        let dispatch = dispatch::DispatchGroup::new(Arc::clone(&codec), deadlines);
        let windows = analytics::Windows::default();
        let analytics = analytics::Analytics::new(Arc::clone(&codec), windows);
        let timeline = timeline::Timeline::new(codec);
        Self {
            payment: Working::new(payment, store("payment"), partitions).await,
            inventory: Working::new(inventory, store("inventory"), partitions).await,
            dispatch: Working::new(dispatch, store("dispatch"), partitions).await,
            analytics: Working::new(analytics, store("analytics"), partitions).await,
            timeline: Working::new(timeline, store("timeline"), partitions).await,
        }
    }

    /// Everything that comes of records, until nothing more does.
    async fn work(&mut self, topics: &mut Topics, mut records: Vec<Record>, now: &mut i64) {
        while !records.is_empty() {
            *now += 1_000;
            let at = *now;
            let stated = tokio::join!(
                self.payment.read(&records, at),
                self.inventory.read(&records, at),
                self.dispatch.read(&records, at),
                self.analytics.read(&records, at),
                self.timeline.read(&records, at),
            );
            let stated = [stated.0, stated.1, stated.2, stated.3, stated.4];
            let stated = stated.into_iter().flatten();
            records = stated.map(|one| topics.publish(one, *now)).collect();
        }
    }

    async fn rest(&self) {
        self.payment.rest().await;
        self.inventory.rest().await;
        self.dispatch.rest().await;
        self.analytics.rest().await;
        self.timeline.rest().await;
    }
}

/// A world that can grow.
pub(super) struct World {
    topics: Topics,
    groups: Groups,
    encoder: Encoder,
    shop: Shop,
    now: i64,
}

impl World {
    /// Full shelves, and nobody has bought anything.
    pub(super) async fn open((bootstrap, partitions): (&str, i32), url: &str, start: i64) -> Self {
        let mut world = Self {
            topics: Topics::open(bootstrap, partitions),
            groups: Groups::open(url, partitions).await,
            encoder: Encoder::new(),
            shop: Shop::new(&plan(start)),
            now: start,
        };
        let mut received = Vec::new();
        for sku in catalogue::stocked_skus() {
            let fact = StockReceived {
                event_id: schemas::ids::derived(&sku, "scale.received"),
                sku,
                occurred_at: start,
                causation_id: None,
                quantity: FILLED,
            };
            let event = Event::Fact(Fact::StockReceived(fact));
            let encoded = world.encoder.encode_event(&event).unwrap();
            received.push(world.topics.publish(outgoing(encoded), start));
        }
        world.work(received).await;
        world
    }

    /// Has shops do so much more; how many records there are then.
    pub(super) async fn grow(&mut self, actions: usize) -> u64 {
        let mut left = actions;
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            let records = (0..batch).map(|_| self.act()).collect();
            self.work(records).await;
            self.now += BATCH_MICROS;
        }
        self.topics.producer.flush(PATIENCE).unwrap();
        self.groups.rest().await;
        self.topics.records
    }

    async fn work(&mut self, records: Vec<Record>) {
        let Self {
            topics,
            groups,
            now,
            ..
        } = self;
        groups.work(topics, records, now).await;
    }

    fn act(&mut self) -> Record {
        let encoded = match self.shop.next().unwrap().deed {
            Deed::Buy { purchase, .. } => {
                let version = u32::from(purchase.written_version);
                self.encoder.encode_purchase(&purchase, version).unwrap()
            }
            Deed::Cancel { request, .. } => {
                let event = Event::CancellationRequested(request);
                self.encoder.encode_event(&event).unwrap()
            }
            Deed::Poison(_) => panic!("none was asked for"),
        };
        self.topics.publish(outgoing(encoded), self.now)
    }
}

/// A little of everything that needs no dead letter.
fn plan(start: i64) -> Plan {
    let mut plan = Plan::quiet(23, start);
    plan.shares.duplicates = 0.02;
    plan.shares.declined = 0.03;
    plan.shares.out_of_stock = 0.02;
    plan.shares.cancelled = 0.03;
    plan
}

fn outgoing(encoded: Encoded) -> Outgoing {
    let headers = encoded.headers.into_iter();
    Outgoing {
        event_id: String::new(),
        topic: encoded.topic.to_owned(),
        key: encoded.key,
        payload: Some(encoded.payload),
        headers: Headers(headers.map(|(name, value)| (name, Some(value))).collect()),
    }
}
