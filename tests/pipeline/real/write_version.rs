//! What members tell of the version they read, on Apache Kafka and with either group protocol.

use harness::{Broker as _, kafka::Kafka};

use crate::whole::{database::Database, members::Pipeline, write_version};

#[test]
fn a_version_waits_for_its_slowest_reader_with_the_classic_protocol() {
    on_kafka(&[]);
}

#[test]
fn a_version_waits_for_its_slowest_reader_with_the_consumer_protocol() {
    on_kafka(&[("consumer.protocol", "consumer")]);
}

fn on_kafka(settings: &[(&str, &str)]) {
    let kafka = Kafka::start().unwrap();
    let tables = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tables.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    write_version::a_version_waits_for_its_slowest_reader(&mut pipeline, settings);
}
