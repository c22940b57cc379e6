//! A: bytes that rot on the broker's disk.

use std::{collections::BTreeMap, fs, path::Path};

use harness::{Broker as _, eventually, kafka::Kafka, postgres};
use schemas::topics::PURCHASES;

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    shop::{self, Counter},
};

/// A batch whose bytes were damaged is never decoded.
#[test]
fn a17_a_batch_whose_bytes_rot_on_the_brokers_disk_halts_its_partition() {
    let mut kafka = Kafka::start().unwrap();
    let (mut pipeline, counter) = payment_alone(&kafka);
    let mut places = Vec::new();
    for few in shop::purchases(1, 2, 90).chunks(15) {
        places.extend(counter.buy(few));
    }
    drop(counter);
    // Started in order, the broker does not look at what it has written before.
    kafka.shut_down().unwrap();
    let segment = kafka
        .data()
        .join(format!("{PURCHASES}-1/00000000000000000000.log"));
    let damaged = flip_a_byte_of_a_middle_batch(&segment);
    kafka.restart().unwrap();
    let payment = pipeline.start("payment", &[]);

    let (lost, rest) = (
        damaged.end - damaged.start,
        90 - (damaged.end - damaged.start),
    );
    let halt = format!("{PURCHASES}[1]");
    eventually(SOON, "the partition has halted", || {
        pipeline.members[payment].status()["halted"][&halt]["cause"] == "damaged"
    });
    let account = pipeline.members[payment].status()["halted"][&halt].clone();
    assert_eq!(account["next_offset"], damaged.start, "{account}");
    assert_eq!(account["first_offset"], damaged.end, "{account}");
    assert_eq!(account["unreadable"], lost, "{account}");
    pipeline.members[payment].assert_live();
    let behind = places
        .iter()
        .filter(|place| place.0 == 1 && place.1 >= damaged.end)
        .count();
    assert!(behind > 0, "something lies behind it");
    until_known(&pipeline, rest - i64::try_from(behind).unwrap());

    let on = [
        "positions",
        "move",
        "payment",
        "--topic",
        PURCHASES,
        "--partition",
        "1",
    ];
    let how = [
        "--to", "earliest", "--reason", "rotten", "--by", "ada", "--yes", "--wait", "60s",
    ];
    let moved = pipeline.succeed(&[&on[..], &how].concat());
    assert!(
        moved.contains(&format!("{lost} offsets skipped")),
        "{moved}"
    );
    until_known(&pipeline, rest);
    let letters = "SELECT count(*) FROM dead_letters";
    assert_eq!(pipeline.database.number("payment", letters).unwrap(), 0);
    pipeline.assert_running();
}

/// Changes one bit in the payloads of the batch in the middle of a segment: the offsets that it holds.
fn flip_a_byte_of_a_middle_batch(segment: &Path) -> std::ops::Range<i64> {
    const HEADER_BYTES: usize = 61;
    let mut bytes = fs::read(segment).unwrap();
    let mut batches: BTreeMap<i64, usize> = BTreeMap::new();
    let mut at = 0;
    while at + HEADER_BYTES < bytes.len() {
        let base = i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        batches.insert(base, at);
        let length = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        at += 12 + usize::try_from(length).unwrap();
    }
    let bases: Vec<i64> = batches.keys().copied().collect();
    assert!(bases.len() >= 3, "{bases:?}");
    let middle = bases.len() / 2;
    let damaged = bases[middle]..bases[middle + 1];
    bytes[batches[&damaged.start] + HEADER_BYTES + 4] ^= 1;
    fs::write(segment, bytes).unwrap();
    damaged
}

fn payment_alone(kafka: &Kafka) -> (Pipeline, Counter) {
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("topics.partitions", "3");
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.start_sandbox();
    let counter = Counter::open(&pipeline.bootstrap);
    (pipeline, counter)
}

fn until_known(pipeline: &Pipeline, count: i64) {
    let query = "SELECT count(*) FROM payments WHERE content_hash IS NOT NULL";
    eventually(SOON, &format!("{count} purchases are known"), || {
        pipeline.database.number("payment", query).unwrap() == count
    });
}
