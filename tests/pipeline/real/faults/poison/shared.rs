//! The pipeline that all rows share: what each publishes lies on its topics from the beginning, good
//! purchases behind it, and each row looks for what became of its own.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
};

use harness::{Broker as _, kafka::Kafka, postgres, registry, strange};
use rdkafka::error::KafkaError;
use runtime::partitioner::partition_of;
use schemas::Purchase;
use sha2::{Digest as _, Sha256};
use simulator::poison::Poison;

use super::{
    batches,
    memory::{self, Cost},
    rows::{self, Letter},
};
use crate::whole::{
    database::Database,
    members::Pipeline,
    shop::{self, Counter, Place},
};

const PARTITIONS: i32 = 12;

/// The pipeline, and what lies on its topics.
pub(super) struct Shared {
    pub(super) pipeline: Mutex<Pipeline>,
    pub(super) letters: Vec<Laid>,
    pub(super) costs: Vec<Cost>,
    pub(super) good: Vec<Expected>,
    pub(super) behind: Vec<(i32, String)>,
    pub(super) aborted: String,
    pub(super) refusal: KafkaError,
    // Last: it outlives those that stand on it.
    _kafka: Kafka,
}

/// A letter where it lies.
pub(super) struct Laid {
    pub(super) row: &'static str,
    pub(super) kind: &'static str,
    pub(super) reason: &'static str,
    pub(super) topic: String,
    pub(super) place: Place,
    pub(super) by: Vec<&'static str>,
    pub(super) digest: String,
    pub(super) secret: Option<String>,
}

pub(super) struct Expected {
    pub(super) row: &'static str,
    pub(super) purchase_id: String,
    pub(super) ends: &'static str,
}

/// Started by the first row that asks; it ends with the program.
pub(super) fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(Shared::start)
}

impl Shared {
    fn start() -> Self {
        let kafka = Kafka::start().unwrap();
        let registry = registry::shared();
        let database = Database::Postgres(postgres::shared().fresh_database());
        let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
        pipeline.set("registry.url", &registry.url());
        // Nearly all is poison at first: that alone must not stop a group here.
        pipeline.set("consumer.dead_letter_share_max", "1");
        pipeline.succeed(&["topics", "apply"]);
        pipeline.succeed(&["migrate"]);
        pipeline.succeed(&["schemas", "register"]);
        let counter = Counter::open(&pipeline.bootstrap);
        counter.fill_shelves(1_000);
        pipeline.start_sandbox();
        pipeline.start_all(1);
        pipeline.until_shelves_are_full();

        let letters = rows::letters(&counter, registry);
        let places = counter.publish(
            letters
                .iter()
                .map(|one| one.poison.record.clone())
                .collect(),
        );
        let laid = letters.into_iter().zip(places);
        let mut laid: Vec<Laid> = laid
            .map(|(letter, place)| Laid::of(letter, place))
            .collect();
        let bases = shop::purchases(50, 3, 5);
        let (bombs, costs) = memory::bombs(&pipeline);
        laid.extend(bombs);
        let (poison, place) = batches::long_header(&counter, &pipeline.bootstrap, &bases[0]);
        let letter = rows::of("f22", poison.kind, poison.reason, poison.record);
        laid.push(Laid::of(letter, place));
        let good = rows::good(&counter, registry);
        counter.publish(good.iter().map(|one| one.record.clone()).collect());
        let mut good: Vec<Expected> = (good.into_iter())
            .map(|one| Expected::of(one.row, one.purchase_id, one.ends))
            .collect();
        good.push(Expected::completed(
            "f22",
            with_a_strange_header(&counter, &pipeline, &bases[1]),
        ));
        let (committed, aborted) = (&bases[2], &bases[3]);
        let records = [committed, aborted].map(|base| counter.record(base, 3));
        batches::transactions(&pipeline.bootstrap, &records[0], &records[1]);
        good.push(Expected::completed("f23", committed.purchase_id.clone()));
        let refusal = batches::refusal_of_a_hundred_megabytes(&pipeline.bootstrap);
        let behind = behind(&counter);
        Self {
            aborted: aborted.purchase_id.clone(),
            pipeline: Mutex::new(pipeline),
            letters: laid,
            costs,
            good,
            behind,
            refusal,
            _kafka: kafka,
        }
    }
}

impl Laid {
    pub(super) fn of(letter: Letter, place: Place) -> Self {
        let Poison {
            kind,
            reason,
            record,
        } = letter.poison;
        Self {
            row: letter.row,
            kind,
            reason,
            topic: record.topic,
            place,
            by: letter.by,
            digest: digest(record.payload.as_deref()),
            secret: letter.secret,
        }
    }
}

impl Expected {
    fn of(row: &'static str, purchase_id: String, ends: &'static str) -> Self {
        Self {
            row,
            purchase_id,
            ends,
        }
    }

    fn completed(row: &'static str, purchase_id: String) -> Self {
        Self::of(row, purchase_id, "completed")
    }
}

fn with_a_strange_header(counter: &Counter, pipeline: &Pipeline, base: &Purchase) -> String {
    let record = counter.record(base, 3);
    let (key, payload) = (record.key.unwrap(), record.payload.unwrap());
    strange::write(
        &pipeline.bootstrap,
        &record.topic,
        &key,
        &payload,
        c"\xff\xfe",
    )
    .unwrap();
    base.purchase_id.clone()
}

/// Good purchases behind all of it, on every partition.
fn behind(counter: &Counter) -> Vec<(i32, String)> {
    let mut by_partition: BTreeMap<i32, Purchase> = BTreeMap::new();
    for purchase in shop::purchases(60, 2, 400) {
        let partition = partition_of(purchase.purchase_id.as_bytes(), PARTITIONS);
        by_partition.entry(partition).or_insert(purchase);
    }
    assert_eq!(by_partition.len(), usize::try_from(PARTITIONS).unwrap());
    let bought: Vec<Purchase> = by_partition.values().cloned().collect();
    let places = counter.buy(&bought);
    let behind = places.into_iter().zip(bought);
    behind
        .map(|((partition, _), purchase)| (partition, purchase.purchase_id))
        .collect()
}

/// As PostgreSQL's `sha256` gives it; nothing for nothing.
pub(super) fn digest(payload: Option<&[u8]>) -> String {
    let bytes = payload.map(Sha256::digest);
    bytes
        .iter()
        .flatten()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
