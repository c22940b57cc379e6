//! Topics to which a group publishes and that nobody has made yet: it reads nothing before they are there,
//! since what it would decide could not be told, and starts by itself once they are.

use std::fs;

use harness::{Broker as _, eventually, kafka::Kafka};

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    shop::{self, Counter},
};

const TOPICS: &str = include_str!("../../../topics.toml");

#[test]
fn a_group_waits_for_the_topics_that_it_publishes_to() {
    let kafka = Kafka::start().unwrap();
    let tables = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tables.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    let missing = ["shop.payments.v1", "shop.payment.dead-letters.v1"];
    let others = TOPICS.split("[[topic]]").filter(|declared| {
        let is_of = |topic: &&str| declared.contains(&format!("name = \"{topic}\""));
        !missing.iter().any(is_of)
    });
    let file = pipeline.file("others.toml");
    fs::write(&file, others.collect::<Vec<_>>().join("[[topic]]")).unwrap();
    pipeline.succeed(&["topics", "apply", "--file", &file.display().to_string()]);
    pipeline.succeed(&["migrate"]);
    pipeline.start_sandbox();
    Counter::open(&pipeline.bootstrap).buy(&shop::purchases(1, 2, 5));
    let payment = pipeline.start("payment", &[]);
    eventually(SOON, "payment says what it waits for", || {
        let why = pipeline.members[payment].waits_for();
        missing.iter().all(|topic| {
            let of = |of: &str| why.contains(&format!("the topic {topic} ({of}) does not exist"));
            of("published to") || of("of dead letters")
        })
    });
    pipeline.members[payment].assert_live();
    let query = "SELECT count(*) FROM payments";
    assert_eq!(pipeline.database.number("payment", query).unwrap(), 0);

    pipeline.succeed(&["topics", "apply"]);
    eventually(SOON, "the purchases are authorised", || {
        let query = "SELECT count(*) FROM payments WHERE state = 'authorised'";
        pipeline.database.number("payment", query).unwrap() == 5
    });
    pipeline.assert_running();
}
