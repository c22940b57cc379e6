//! What is set aside and what waits, on Apache Kafka and PostgreSQL: the scenarios of the in-process
//! cluster, where a broker checks records itself and a database has its own words for arrays, bytes
//! and locks.

use harness::{Broker as _, kafka::Kafka, postgres};

use crate::whole::{database::Database, members::Pipeline, poison, readers};

/// A pipeline on a broker and in a database of its own.
fn pipeline(kafka: &Kafka) -> Pipeline {
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline
}

#[test]
fn every_kind_of_poison_is_set_aside_as_it_came_and_what_is_behind_it_flows() {
    let kafka = Kafka::start().unwrap();
    poison::every_kind_is_set_aside_as_it_came(&mut pipeline(&kafka));
}

#[test]
fn a_header_whose_name_is_no_text_stops_nothing() {
    let kafka = Kafka::start().unwrap();
    poison::a_header_whose_name_is_no_text_stops_nothing(&mut pipeline(&kafka));
}

#[test]
fn a_basket_waits_for_a_reader_that_understands_it() {
    let kafka = Kafka::start().unwrap();
    readers::a_basket_waits_for_a_reader_that_understands_it(&mut pipeline(&kafka));
}
