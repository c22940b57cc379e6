//! What waits for a reader of a newer version, on Apache Kafka and PostgreSQL: the scenario of the in-process
//! cluster, where a database has its own words for arrays, bytes and locks.

use harness::{Broker as _, kafka::Kafka, postgres};

use crate::whole::{database::Database, members::Pipeline, readers};

/// A pipeline on a broker and in a database of its own.
fn pipeline(kafka: &Kafka) -> Pipeline {
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline
}

#[test]
fn a_basket_waits_for_a_reader_that_understands_it() {
    let kafka = Kafka::start().unwrap();
    readers::a_basket_waits_for_a_reader_that_understands_it(&mut pipeline(&kafka));
}
