//! A: what is done to topics and to what Kafka keeps of groups, and bytes that rot on the broker's disk.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use harness::{Broker as _, eventually, kafka::Kafka, postgres, records, wait};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminOptions, NewPartitions},
    consumer::{BaseConsumer, CommitMode, Consumer as _},
};
use schemas::topics::PURCHASES;

use super::machine::Machine;
use crate::whole::{
    database::Database,
    members::{GROUPS, Pipeline, SOON},
    shop::{self, Counter},
};

/// Offsets that an operator resets or deletes repeat no effect.
#[test]
fn a13_offsets_that_an_operator_resets_or_deletes_repeat_nothing() {
    let machine = Machine::new(Kafka::builder());
    machine.sells_for(Duration::from_secs(6), |machine| {
        machine.until_at_work();
        for (which, (group, topics)) in GROUPS.iter().enumerate() {
            machine.pipeline.stop(which);
            if which % 2 == 0 {
                begin_anew(&machine.kafka, group, topics);
            } else {
                let groups = [*group];
                let options = AdminOptions::new();
                let admin = machine.kafka.admin();
                let deleted = wait::block_on(admin.delete_groups(&groups, &options)).unwrap();
                assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
            }
            let counted = counted(&machine.pipeline.database, group);
            machine.pipeline.start_again(which);
            machine.pipeline.until_ready(which);
            // Were a record counted twice, more would be counted than there are offsets.
            let offsets = counted_and_offsets(&machine.pipeline.database, group);
            assert!(offsets.0 >= counted, "{group}");
            assert_eq!(
                offsets.0, offsets.1,
                "{group}: counted, and between start and position"
            );
        }
        machine.until_progress();
    });
}

/// Says on the group's behalf that it has read nothing, as an operator's tool does.
fn begin_anew(kafka: &Kafka, group: &str, topics: &[&str]) {
    let mut all = TopicPartitionList::new();
    for end in records::ends(&kafka.bootstrap(), topics, SOON).unwrap() {
        for partition in 0..end.next_offsets.len() {
            let partition = i32::try_from(partition).unwrap();
            all.add_partition_offset(&end.topic, partition, Offset::Offset(0))
                .unwrap();
        }
    }
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", group);
    let outsider: BaseConsumer = config.create().unwrap();
    outsider.commit(&all, CommitMode::Sync).unwrap();
    let told = outsider.committed_offsets(all, SOON).unwrap();
    assert!(
        told.elements()
            .iter()
            .all(|one| one.offset() == Offset::Offset(0)),
        "{told:?}"
    );
}

const COUNTED: &str = "coalesce(sum(applied + duplicates + ignored + set_aside + parked), 0)";

fn counted(database: &Database, group: &str) -> i64 {
    database
        .number(group, &format!("SELECT {COUNTED} FROM positions"))
        .unwrap()
}

fn counted_and_offsets(database: &Database, group: &str) -> (i64, i64) {
    let query =
        format!("SELECT {COUNTED}, coalesce(sum(next_offset - start_offset), 0) FROM positions");
    let row = &database.look(group, &query).unwrap()[0];
    (row[0].parse().unwrap(), row[1].parse().unwrap())
}

/// More partitions than shards halt nobody and reorder nothing, or are refused with a word.
#[test]
fn a11_partitions_that_are_added_to_one_topic_are_refused_with_a_word() {
    let kafka = Kafka::start().unwrap();
    let (mut pipeline, counter) = payment_alone(&kafka);
    counter.buy(&shop::purchases(1, 2, 30));
    let payment = pipeline.start("payment", &[]);
    until_known(&pipeline, 30);

    let more = NewPartitions::new(PURCHASES, 6);
    let options = AdminOptions::new();
    let made = wait::block_on(kafka.admin().create_partitions([&more], &options)).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    // Who starts after it, or is given shards anew, reads nothing of it.
    pipeline.stop(payment);
    pipeline.start_again(payment);
    eventually(SOON, "payment says what is wrong with its topics", || {
        pipeline.members[payment]
            .waits_for()
            .contains("the same number of partitions")
    });
    pipeline.members[payment].assert_live();
    Counter::open(&pipeline.bootstrap).buy(&shop::purchases(2, 2, 30));
    let read = "SELECT count(*) FROM payments WHERE content_hash IS NOT NULL";
    assert_eq!(pipeline.database.number("payment", read).unwrap(), 30);
    pipeline.assert_running();
}

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
