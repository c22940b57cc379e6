//! The whole pipeline on one machine without installation: librdkafka's in-process cluster and SQLite. The
//! processes are the same as in production; only what they stand on is not.

use std::time::Duration;

use harness::{Broker as _, mock::MockKafka};
use tempfile::TempDir;

use crate::whole::{
    database::Database,
    endurance::Endurance,
    members::{GROUPS, Pipeline},
    poison, readers, write_version,
};
use schemas::topics;

/// The cluster keeps some megabytes for each.
const PARTITIONS: i32 = 4;

/// A pipeline whose topics and tables are there.
struct Machine {
    pipeline: Pipeline,
    _tables: TempDir,
    _kafka: MockKafka,
}

fn machine() -> Machine {
    let kafka = MockKafka::start().unwrap();
    let own = [
        topics::PURCHASES,
        topics::PAYMENTS,
        topics::RESERVATIONS,
        topics::SHIPMENTS,
        topics::STOCK,
    ];
    for topic in own {
        kafka.create_topic(topic, PARTITIONS).unwrap();
    }
    for (group, _) in GROUPS {
        let dead_letters = format!("shop.{group}.dead-letters.v1");
        kafka.create_topic(&dead_letters, PARTITIONS).unwrap();
    }
    let tables = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tables.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["migrate"]);
    Machine {
        pipeline,
        _tables: tables,
        _kafka: kafka,
    }
}

#[test]
fn nothing_is_lost_doubled_or_invented_while_members_are_killed() {
    let mut machine = machine();
    let endurance = Endurance {
        actions: 500,
        rate: Some(50.0),
        kill_every: Duration::from_secs(3),
        // The in-process cluster does not know it.
        has_static_members: false,
        deadline: Duration::from_secs(120),
    };
    // A killed member is waited for so long.
    for (key, limit) in [
        ("tasks.timeout", "1s"),
        ("consumer.drain_timeout", "1s"),
        ("consumer.shutdown_timeout", "2s"),
        ("consumer.session_timeout", "3s"),
    ] {
        machine.pipeline.set(key, limit);
    }
    endurance.run(&mut machine.pipeline);
}

#[test]
fn every_kind_of_poison_is_set_aside_as_it_came_and_what_is_behind_it_flows() {
    poison::every_kind_is_set_aside_as_it_came(&mut machine().pipeline);
}

#[test]
fn a_header_whose_name_is_no_text_stops_nothing() {
    poison::a_header_whose_name_is_no_text_stops_nothing(&mut machine().pipeline);
}

#[test]
fn a_basket_waits_for_a_reader_that_understands_it() {
    readers::a_basket_waits_for_a_reader_that_understands_it(&mut machine().pipeline);
}

#[test]
fn a_version_waits_for_its_slowest_reader() {
    write_version::a_version_waits_for_its_slowest_reader(&mut machine().pipeline, &[]);
}

#[test]
fn a_storefront_opens_without_an_answer() {
    write_version::a_storefront_opens_without_an_answer(&mut machine().pipeline);
}
