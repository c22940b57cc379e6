//! A: what is done to topics and to what Kafka keeps of groups.

use std::time::Duration;

use harness::{Broker as _, eventually, kafka::Kafka, postgres::Postgres, records, wait};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminOptions, NewPartitions},
    consumer::{BaseConsumer, CommitMode, Consumer as _},
};
use sandbox::Faults;
use schemas::topics::PURCHASES;

use super::machine::{Machine, PURCHASES_PER_SECOND};
use crate::whole::{
    database::Database,
    load::Load,
    members::{GROUPS, SOON},
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

/// Whatever becomes of a record counts once.
const COUNTED: &str = "coalesce(sum(applied + duplicates + ignored + set_aside + parked), 0)";

fn counted(database: &Database, group: &str) -> i64 {
    database
        .number(group, &format!("SELECT {COUNTED} FROM positions"))
        .unwrap()
}

/// How many records a group has dealt with, and how many lie between where it began and where it is.
pub(super) fn counted_and_offsets(database: &Database, group: &str) -> (i64, i64) {
    let query =
        format!("SELECT {COUNTED}, coalesce(sum(next_offset - start_offset), 0) FROM positions");
    let row = &database.look(group, &query).unwrap()[0];
    (row[0].parse().unwrap(), row[1].parse().unwrap())
}

/// More partitions than shards halt nobody and reorder nothing, or are refused with a word: a member that runs
/// notices, says so, and reads no further, so that no purchase is continued from another partition. The
/// storefront goes on, by the new count.
#[test]
fn a11_partitions_that_are_added_to_one_topic_are_refused_with_a_word() {
    const BEFORE: i32 = 3;
    let settings = [
        ("topics.partitions", "3"),
        // A running client asks every five minutes.
        ("kafka.options.topic.metadata.refresh.interval.ms", "500"),
    ];
    let (kafka, postgres) = (Kafka::start().unwrap(), Postgres::start().unwrap());
    let mut machine = Machine::on(kafka, postgres, &settings);
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    Load::until_open(&mut machine.pipeline);
    let journal = machine.pipeline.file("intents");
    let plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    let (_, report) = load.sell_while(plan, journal, || {
        machine.until_at_work();
        let more = NewPartitions::new(PURCHASES, 6);
        let admin = machine.kafka.admin();
        let made = wait::block_on(admin.create_partitions([&more], &AdminOptions::new()));
        assert!(made.unwrap().iter().all(Result::is_ok));
        machine.until_all_wait_for("the same number of partitions");
        // The storefront and the shops publish to the new ones, too, and nobody reads any of it.
        let (stands, lag) = (positions(&machine), published(&machine));
        eventually(SOON, "each partition has more that nobody reads", || {
            published(&machine)
                .iter()
                .zip(&lag)
                .all(|(now, then)| now > then)
                && published(&machine).len() == 6
        });
        // A restart mends nothing.
        machine.pipeline.stop(0);
        machine.pipeline.start_again(0);
        machine.until_all_wait_for("the same number of partitions");
        assert_eq!(positions(&machine), stands, "somebody reads on");
        for (of_group, (group, _)) in stands.iter().zip(GROUPS) {
            let read = of_group.iter().map(|(partition, _)| *partition);
            assert!(read.max() < Some(BEFORE), "{group} reads what was added");
        }
    });
    let accepted = report.outcomes.get("accepted").copied();
    assert!(accepted > Some(0), "{:?}", report.outcomes);
    machine.pipeline.assert_running();
}

/// How far each group is with the purchases, by partition.
fn positions(machine: &Machine) -> Vec<Vec<(i32, i64)>> {
    let query = format!(
        "SELECT partition, next_offset FROM positions WHERE topic = '{PURCHASES}' ORDER BY partition"
    );
    let of_group = |(group, _): &(&str, _)| {
        let rows = machine.pipeline.database.look(group, &query).unwrap();
        let rows = rows.iter();
        rows.map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap()))
            .collect()
    };
    GROUPS.iter().map(of_group).collect()
}

/// Where each partition of the purchases ends.
fn published(machine: &Machine) -> Vec<i64> {
    let ends = records::ends(&machine.kafka.bootstrap(), &[PURCHASES], SOON).unwrap();
    ends[0].next_offsets.clone()
}
