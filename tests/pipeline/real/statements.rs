//! What a batch costs: as many statements for a thousand purchases as for ten. Counted by PostgreSQL, which
//! writes every statement that it is sent into its log.

use std::{collections::BTreeMap, fs};

use harness::{Broker as _, eventually, mock::MockKafka, postgres::Postgres};
use schemas::topics;

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    shop::{self, Counter},
};

#[test]
fn a_thousand_purchases_cost_as_many_statements_as_ten() {
    let postgres = Postgres::builder()
        .without_fsync()
        .setting("log_statement", "all")
        .setting("log_line_prefix", "%d|%p|")
        .setting("log_parameter_max_length", "0")
        .start()
        .unwrap();
    let of_ten = statements_of_the_largest_batch(&postgres, 10);
    let of_a_thousand = statements_of_the_largest_batch(&postgres, 1_000);
    assert!(of_ten >= 4, "begin, load, write, commit: {of_ten}");
    assert_eq!(of_a_thousand, of_ten, "statements of a transaction");
}

/// Runs a member of payment over so many purchases, all waiting for it.
fn statements_of_the_largest_batch(postgres: &Postgres, count: usize) -> usize {
    let kafka = MockKafka::start().unwrap();
    for topic in [
        topics::PURCHASES,
        topics::RESERVATIONS,
        topics::SHIPMENTS,
        topics::PAYMENTS,
    ] {
        kafka.create_topic(topic, 2).unwrap();
    }
    kafka
        .create_topic("shop.payment.dead-letters.v1", 2)
        .unwrap();
    let url = postgres.fresh_database();
    let name = url.rsplit('/').next().unwrap().to_owned();
    let mut pipeline = Pipeline::new(kafka.bootstrap(), Database::Postgres(url));
    pipeline.set("consumer.lanes", "1");
    pipeline.set("consumer.batch_linger", "1s");
    pipeline.succeed(&["migrate"]);
    Counter::open(&pipeline.bootstrap).buy(&shop::purchases(1, 2, count));

    // Nobody answers at the provider's address, so that rows stay as their batch wrote them.
    let member = pipeline.start("payment", &[]);
    let all = i64::try_from(count).unwrap();
    eventually(SOON, "every purchase is written", || {
        let query = "SELECT count(*) FROM payments";
        pipeline.database.number("payment", query).unwrap() == all
    });
    // A row's xmin is the transaction that wrote it.
    let query = "SELECT max(n) FROM (SELECT count(*) AS n FROM payments GROUP BY xmin::text) AS by";
    let largest = pipeline.database.number("payment", query).unwrap();
    assert!(
        largest * 2 >= all,
        "most came in one batch: {largest} of {all}"
    );
    pipeline.stop(member);
    let log = fs::read_to_string(postgres.log()).unwrap();
    largest_transaction(&log, &name)
}

/// The most statements, begin and commit included, of a transaction that wrote payments.
fn largest_transaction(log: &str, database: &str) -> usize {
    let mut open: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    let mut largest = 0;
    for line in log.lines() {
        let mut parts = line.splitn(3, '|');
        let (Some(of), Some(pid), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let Some(statement) = statement(rest).filter(|_| of == database) else {
            continue;
        };
        let begins = statement.starts_with("BEGIN") || statement.starts_with("START TRANSACTION");
        let (count, writes) = open.entry(pid).or_default();
        if begins {
            (*count, *writes) = (0, false);
        }
        *count += 1;
        *writes |= statement.starts_with("INSERT INTO payments ")
            || statement.starts_with("INSERT INTO payments(");
        if statement.starts_with("COMMIT") && *writes {
            largest = largest.max(*count);
        }
    }
    largest
}

/// The text of a statement that is executed.
fn statement(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("LOG:")?.trim_start();
    if let Some(simple) = text.strip_prefix("statement:") {
        return Some(simple.trim_start());
    }
    let (_, text) = text.strip_prefix("execute ")?.split_once(": ")?;
    Some(text.trim_start().trim_matches('"'))
}
