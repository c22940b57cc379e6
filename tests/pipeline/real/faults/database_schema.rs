//! C: what is in the database: tables that change under a running group, and a row that it refuses.

use std::time::Duration;

use harness::{Broker as _, eventually, kafka::Kafka, postgres};

use super::machine::Machine;
use crate::whole::{
    database::Database,
    members::{GROUPS, Pipeline, SOON},
    shop::{self, Counter},
};

/// The table of each group that every purchase has a row in.
const TABLES: [(&str, &str); 5] = [
    ("payment", "payments"),
    ("inventory", "reservations"),
    ("dispatch", "dispatches"),
    ("analytics", "counted_purchases"),
    ("timeline", "purchases"),
];

/// A migration while members run stops nobody.
#[test]
fn c9_tables_that_a_newer_release_expands_are_written_on_by_the_older_one() {
    let machine = Machine::new(Kafka::builder());
    machine.sells_for(Duration::from_secs(8), |machine| {
        machine.until_at_work();
        // What was applied before is left as it is, whoever works on it.
        machine.pipeline.succeed(&["migrate"]);
        let url = machine.pipeline.database.url();
        let name = url.rsplit('/').next().unwrap().to_owned();
        for (group, table) in TABLES {
            // As a release does: the lock is waited for briefly, so that nobody waits behind it for long.
            let expand = format!(
                "SET lock_timeout = '1s'; \
                 ALTER TABLE {group}.{table} ADD COLUMN noted text NOT NULL DEFAULT 'by the newer'"
            );
            eventually(SOON, &format!("{group} is expanded"), || {
                machine.postgres.sql(&name, &expand).is_ok()
            });
        }
        machine.until_progress();
        // Whoever starts now finds more than it knows of; the older goes on beside it.
        for (group, _) in GROUPS {
            machine.pipeline.start(group, &[]);
        }
        machine.pipeline.succeed(&["migrate"]);
        machine.until_progress();
    });
}

/// One row that the database refuses is set aside, and the rest of its batch is committed.
#[test]
fn c11_of_a_batch_of_500_the_one_row_that_the_database_refuses_is_set_aside() {
    const COUNT: usize = 500;
    let kafka = Kafka::start().unwrap();
    let url = postgres::shared().fresh_database();
    let mut pipeline = Pipeline::new(kafka.bootstrap(), Database::Postgres(url.clone()));
    pipeline.set("topics.partitions", "1");
    pipeline.set("consumer.batch_records_max", "500");
    pipeline.set("consumer.batch_linger", "1s");
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    let bought = shop::purchases(1, 2, COUNT);
    let places = Counter::open(&pipeline.bootstrap).buy(&bought);
    let (refused, place) = (&bought[COUNT / 3], places[COUNT / 3]);
    let check = format!(
        "ALTER TABLE payment.payments ADD CONSTRAINT not_this_one CHECK (purchase_id <> '{}')",
        refused.purchase_id
    );
    postgres::shared()
        .sql(url.rsplit('/').next().unwrap(), &check)
        .unwrap();
    let payment = pipeline.start("payment", &[]);

    let rows = "SELECT count(*) FROM payments WHERE content_hash IS NOT NULL";
    eventually(SOON, "the others have their rows", || {
        let found = pipeline.database.number("payment", rows).unwrap();
        usize::try_from(found) == Ok(COUNT - 1)
    });
    let letters = "SELECT reason, stage, record_offset, detail FROM dead_letters";
    eventually(SOON, "the one is set aside", || {
        !pipeline
            .database
            .look("payment", letters)
            .unwrap()
            .is_empty()
    });
    let found = pipeline.database.look("payment", letters).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0][2], place.1.to_string(), "{found:?}");
    assert!(found[0][3].contains("not_this_one"), "{found:?}");
    let says = |text: &str| pipeline.members[payment].says(text);
    assert!(says("halving"), "it was one of many in its batch");
    let written = "SELECT count(*) FROM payments";
    assert_eq!(pipeline.database.number("payment", written).unwrap(), 499);
    pipeline.assert_running();
}
