//! Publishing against librdkafka's in-process cluster: what is acknowledged is on a topic, in
//! order, also after an outage.
#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use client::spool::SpoolConfig;
use client::{Config, PublishError, Publisher, Receipt, Record};
use prometheus::Registry;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

const TOPIC: &str = "shop.purchases.v1";
const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(20);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    cluster
}

fn record(key: usize, number: usize) -> Record {
    Record {
        topic: TOPIC.into(),
        key: Some(format!("key-{key}").into_bytes()),
        payload: Some(format!("{number}").into_bytes()),
        headers: vec![
            ("ce_id".into(), Some(format!("event-{number}").into_bytes())),
            ("null".into(), None),
        ],
        event_id: format!("event-{number}"),
    }
}

/// Without a spool, and with time: a broker in a busy process answers late.
fn patient(cluster: &Cluster) -> Config {
    let mut config = Config::new(cluster.bootstrap_servers());
    config.publish_timeout = PATIENCE;
    config
}

fn spooled(cluster: &Cluster, folder: &Path) -> Config {
    Config::new(cluster.bootstrap_servers()).spooled(SpoolConfig::in_folder(folder))
}

/// What stands on the topic, per key in order: reads until `enough` says so.
fn read_until(
    cluster: &Cluster,
    enough: impl Fn(&HashMap<String, Vec<usize>>) -> bool,
) -> HashMap<String, Vec<usize>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "reader")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        (partitions.add_partition_offset(TOPIC, partition, Offset::Beginning)).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
    while !enough(&seen) {
        assert!(Instant::now() < deadline, "only {seen:?} arrived");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else {
            continue;
        };
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let headers = message.headers().unwrap();
        assert_eq!(headers.get(0).key, "ce_id");
        assert_eq!(headers.get(1).value, None);
        let number = text(message.payload()).parse().unwrap();
        seen.entry(text(message.key())).or_default().push(number);
    }
    seen
}

fn count(seen: &HashMap<String, Vec<usize>>) -> usize {
    let distinct: std::collections::HashSet<usize> = seen.values().flatten().copied().collect();
    distinct.len()
}

/// The order in which the numbers came first; a record that arrives again changes nothing.
fn first_arrivals(numbers: &[usize]) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    (numbers.iter().copied())
        .filter(|number| seen.insert(*number))
        .collect()
}

fn counter(registry: &Registry, name: &str) -> f64 {
    (registry.gather().iter())
        .filter(|family| family.name() == name)
        .flat_map(|family| family.get_metric().iter())
        .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
        .sum()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_record_is_stored_with_its_key_and_headers() {
    let cluster = cluster();
    let registry = Registry::new();
    let publisher = Publisher::open(&patient(&cluster), &registry).unwrap();
    let receipt = publisher.publish(record(1, 7)).await.unwrap();
    let Receipt::Stored {
        topic,
        partition,
        offset,
    } = receipt
    else {
        panic!("{receipt:?}");
    };
    assert_eq!((topic.as_str(), offset), (TOPIC, 0));
    // murmur2 of "key-1", as Java's client computes it: other languages must co-partition.
    assert_eq!(partition, java_partition(b"key-1"));
    let seen = read_until(&cluster, |seen| count(seen) == 1);
    assert_eq!(seen["key-1"], [7]);
    assert_eq!(counter(&registry, "counterflow_publish_total"), 1.0);
    publisher.close(Duration::ZERO).await;
    let refused = publisher.publish(record(1, 8)).await;
    assert_eq!(refused, Err(PublishError::Closed));
}

/// Kafka's `Utils.murmur2` and `toPositive`, written out.
fn java_partition(key: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash: u32 = 0x9747_b28c ^ key.len() as u32;
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    (hash & 0x7fff_ffff) as i32 % PARTITIONS
}

#[tokio::test]
async fn many_records_are_published_in_order_through_a_small_queue() {
    let cluster = cluster();
    let mut config = patient(&cluster);
    config.queue_records_max = 500;
    let publisher = Publisher::open(&config, &Registry::new()).unwrap();
    let records = (0..5_000)
        .map(|number| record(number % 10, number))
        .collect();
    for result in publisher.publish_all(records).await {
        assert!(matches!(result, Ok(Receipt::Stored { .. })), "{result:?}");
    }
    let seen = read_until(&cluster, |seen| count(seen) == 5_000);
    for numbers in seen.values() {
        assert!(numbers.is_sorted());
    }
}

#[tokio::test]
async fn an_outage_is_bridged_by_the_spool_and_order_holds() {
    let cluster = cluster();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let mut config = spooled(&cluster, folder.path());
    config.publish_timeout = Duration::from_secs(5);
    let publisher = Publisher::open(&config, &registry).unwrap();
    let mut number = 0;
    let mut publish = async |expected_spooled: Option<bool>| {
        let receipt = publisher.publish(record(number % 5, number)).await.unwrap();
        let is_spooled = matches!(receipt, Receipt::Spooled { .. });
        if let Some(expected) = expected_spooled {
            assert_eq!(is_spooled, expected, "record {number}");
        }
        number += 1;
    };
    for _ in 0..20 {
        publish(Some(false)).await;
    }
    cluster.broker_down(-1).unwrap();
    for _ in 0..30 {
        publish(Some(true)).await;
    }
    assert!(counter(&registry, "counterflow_spool_bytes") > 0.0);
    assert!(counter(&registry, "counterflow_spool_oldest_seconds") > 0.0);
    cluster.broker_up(-1).unwrap();
    for _ in 0..20 {
        publish(None).await;
    }
    until("the spool is empty", || publisher.health().spool_bytes == 0).await;
    assert_eq!(counter(&registry, "counterflow_spool_bytes"), 0.0);
    for _ in 0..10 {
        publish(Some(false)).await;
    }
    let seen = read_until(&cluster, |seen| count(seen) == 80);
    for (key, numbers) in &seen {
        assert!(first_arrivals(numbers).is_sorted(), "{key}: {numbers:?}");
    }
    assert!(!publisher.health().is_kafka_away);
}

#[tokio::test]
async fn a_start_without_a_broker_accepts_and_a_restart_delivers() {
    let cluster = cluster();
    cluster.broker_down(-1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = spooled(&cluster, folder.path());
    let publisher = Publisher::open(&config, &Registry::new()).unwrap();
    for number in 0..10 {
        let receipt = publisher.publish(record(0, number)).await.unwrap();
        assert!(matches!(receipt, Receipt::Spooled { .. }));
    }
    publisher.close(Duration::ZERO).await;
    drop(publisher);

    cluster.broker_up(-1).unwrap();
    let publisher = Publisher::open(&config, &Registry::new()).unwrap();
    assert_eq!(publisher.recovery().records, 10);
    publisher.publish(record(0, 10)).await.unwrap();
    let seen = read_until(&cluster, |seen| count(seen) == 11);
    assert_eq!(first_arrivals(&seen["key-0"]), (0..=10).collect::<Vec<_>>());
    publisher.close(PATIENCE).await;
}

#[tokio::test]
async fn a_slow_broker_costs_duplicates_not_records() {
    let cluster = cluster();
    let folder = tempfile::tempdir().unwrap();
    let mut config = spooled(&cluster, folder.path());
    config.publish_timeout = Duration::from_millis(100);
    let registry = Registry::new();
    let publisher = Publisher::open(&config, &registry).unwrap();
    cluster
        .broker_round_trip_time(-1, Duration::from_millis(600))
        .unwrap();
    let receipt = publisher.publish(record(0, 0)).await.unwrap();
    assert!(matches!(receipt, Receipt::Spooled { .. }));
    until("it arrives late", || {
        counter(&registry, "counterflow_publish_late_total") == 1.0
    })
    .await;
    until("the spool is empty", || publisher.health().spool_bytes == 0).await;
    let seen = read_until(&cluster, |seen| {
        seen.get("key-0").is_some_and(|all| all.len() == 2)
    });
    assert_eq!(seen["key-0"], [0, 0]);
}

#[tokio::test]
async fn without_a_spool_an_outage_is_reported_as_unconfirmed() {
    let cluster = cluster();
    cluster.broker_down(-1).unwrap();
    let mut config = Config::new(cluster.bootstrap_servers());
    config.publish_timeout = Duration::from_millis(100);
    let publisher = Publisher::open(&config, &Registry::new()).unwrap();
    let result = publisher.publish(record(0, 0)).await;
    assert!(
        matches!(result, Err(PublishError::Unconfirmed(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_full_spool_refuses_and_nothing_acknowledged_is_lost() {
    let cluster = cluster();
    cluster.broker_down(-1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = spooled(&cluster, folder.path());
    config.publish_timeout = Duration::from_millis(50);
    config.spool.as_mut().unwrap().bytes_max = 1_000;
    let publisher = Publisher::open(&config, &Registry::new()).unwrap();
    let mut accepted = 0;
    loop {
        match publisher.publish(record(0, accepted)).await {
            Ok(_) => accepted += 1,
            Err(error) => {
                assert!(matches!(error, PublishError::Full(_)), "{error}");
                break;
            }
        }
        assert!(accepted < 100);
    }
    assert!(accepted > 0);
    cluster.broker_up(-1).unwrap();
    let seen = read_until(&cluster, |seen| count(seen) >= accepted);
    assert!(seen["key-0"].is_sorted());
}

#[tokio::test]
async fn a_record_that_no_broker_takes_is_refused_at_once() {
    let cluster = cluster();
    let mut config = patient(&cluster);
    config.record_bytes_max = 1_000;
    let publisher = Publisher::open(&config, &Registry::new()).unwrap();
    let mut large = record(0, 0);
    large.payload = Some(vec![0; 2_000]);
    let results = publisher
        .publish_all(vec![record(0, 1), large, record(0, 2)])
        .await;
    assert!(matches!(results[0], Ok(Receipt::Stored { offset: 0, .. })));
    let too_large = &results[1];
    assert!(matches!(
        too_large,
        Err(PublishError::TooLarge {
            bytes_max: 1_000,
            ..
        })
    ));
    assert!(matches!(results[2], Ok(Receipt::Stored { offset: 1, .. })));
}

#[tokio::test]
async fn a_broken_producer_is_replaced_and_nothing_is_lost() {
    let cluster = cluster();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let publisher = Publisher::open(&spooled(&cluster, folder.path()), &registry).unwrap();
    publisher.publish(record(0, 0)).await.unwrap();
    // The broker has lost the producer's sequence: fatal to an idempotent producer.
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING; 1],
    );
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 1],
    );
    for number in 1..5 {
        publisher.publish(record(0, number)).await.unwrap();
    }
    until("the producer is replaced", || {
        counter(&registry, "counterflow_publisher_renewals_total") >= 1.0
    })
    .await;
    let seen = read_until(&cluster, |seen| count(seen) == 5);
    assert!(first_arrivals(&seen["key-0"]).is_sorted());
    until("the spool is empty", || publisher.health().spool_bytes == 0).await;
}
