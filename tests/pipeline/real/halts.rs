//! Positions that lie outside of their topics: retention that passed a group, and topics that were
//! deleted and created again, under a stopped group and under a running one. A partition halts with an
//! exact account, all others go on, and it goes on itself once an operator has said where.

use std::{collections::BTreeSet, time::Duration};

use harness::{
    Broker as _, eventually,
    kafka::Kafka,
    postgres::{self, Postgres},
    records, wait,
};
use rdkafka::admin::AdminOptions;
use schemas::topics::PURCHASES;

use super::trimmed::{self, delete_before};
use crate::whole::{
    database::Database,
    members::{GROUPS, Pipeline, SOON},
    quiet,
    shop::{self, Counter, Place},
};

const DEADLINE: Duration = Duration::from_secs(120);
const PARTITIONS: i64 = 3;
const REASON: &str = "seen to by the test";

fn pipeline(kafka: &Kafka, database: Database) -> Pipeline {
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("topics.partitions", &PARTITIONS.to_string());
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline
}

/// Retention that passed unread records halts that partition, and names the gap.
#[test]
fn a12_retention_that_passed_a_group_halts_that_partition_of_that_group_alone() {
    let kafka = Kafka::start().unwrap();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = pipeline(&kafka, database);
    // What payment will never see has to come to an end without it.
    pipeline.set("deadlines.answers", "8s");
    let counter = Counter::open(&pipeline.bootstrap);
    counter.fill_shelves(10_000);
    pipeline.start_sandbox();
    pipeline.start_all(1);
    pipeline.until_shelves_are_full();
    counter.buy(&shop::purchases(1, 2, 60));
    quiet::until_quiet(&pipeline, DEADLINE);

    let payment = member_of(&pipeline, "payment");
    pipeline.stop(payment);
    let places = counter.buy(&shop::purchases(2, 2, 90));
    for (group, _) in GROUPS.iter().filter(|(group, _)| *group != "payment") {
        eventually(SOON, &format!("{group} has read them"), || {
            read(&pipeline, group) == 150
        });
    }
    let (partition, next) = (1, position(&pipeline, "payment", 1));
    let gone = next + 7;
    assert!(places.iter().filter(|place| place.0 == partition).count() > 10);
    delete_before(&kafka, PURCHASES, partition, gone);
    pipeline.start_again(payment);

    assert_it_alone_has_halted(&mut pipeline, payment, (partition, next, gone));
    decide(&mut pipeline);
    eventually(
        SOON,
        "what payment will never see is cancelled in time",
        || {
            let query =
                "SELECT count(*) FROM dispatches WHERE state NOT IN ('handed_over', 'cancelled')";
            pipeline.database.number("dispatch", query).unwrap() == 0
        },
    );
    quiet::until_quiet(&pipeline, DEADLINE);
    let query = "SELECT count(*) FROM payments WHERE content_hash IS NOT NULL";
    assert_eq!(pipeline.database.number("payment", query).unwrap(), 150 - 7);
    let shown = pipeline.succeed(&["positions", "show", "payment"]);
    assert!(
        shown.contains("decided by ada") && shown.contains(REASON),
        "{shown}"
    );
    let provider = pipeline.journal().display().to_string();
    let audit = pipeline.succeed(&["audit", "--grace", "0s", "--provider-journal", &provider]);
    let named = format!("offsets skipped by payment on an operator's word: {REASON} (ada)");
    assert!(audit.contains(&named), "{audit}");
    pipeline.assert_running();

    trimmed::is_said_and_hides_nothing(&mut pipeline, &kafka, &counter, gone);
}

/// One partition of payment has halted at an offset, because what follows was deleted up to another.
fn assert_it_alone_has_halted(
    pipeline: &mut Pipeline,
    payment: usize,
    (partition, next, gone): (i32, i64, i64),
) {
    until_halted(pipeline, payment, 1);
    let status = status(pipeline, payment);
    let account = &status["halted"][format!("{PURCHASES}[{partition}]")];
    assert_eq!(account["cause"], "deleted_unread", "{status}");
    assert_eq!(
        (&account["next_offset"], &account["first_offset"]),
        (&next.into(), &gone.into())
    );
    assert_eq!(account["unreadable"], 7);
    let metric = format!(
        "counterflow_halted{{group=\"payment\",partition=\"{partition}\",topic=\"{PURCHASES}\"}} 1"
    );
    eventually(SOON, "its metrics say so", || {
        let metrics = pipeline.members[payment].probe("metrics");
        metrics.is_some_and(|(_, metrics)| metrics.contains(&metric))
    });
    pipeline.members[payment].assert_live();
    eventually(SOON, "the other partitions are read", || {
        let ends = ends(pipeline);
        [0, 2]
            .into_iter()
            .all(|other| position(pipeline, "payment", other) == ends[other as usize])
    });
    assert_eq!(position(pipeline, "payment", partition), next);
    let (end, audit) = pipeline.command(&["audit", "--grace", "0s"]);
    assert!(
        end.code() == Some(1) && audit.contains("halted at"),
        "{audit}"
    );
}

/// The operator's word: asked about, given, and not given twice.
fn decide(pipeline: &mut Pipeline) {
    let asked = |to: &'static str| {
        let on = [
            "positions",
            "move",
            "payment",
            "--topic",
            PURCHASES,
            "--partition",
            "1",
        ];
        [&on[..], &["--to", to, "--reason", REASON, "--by", "ada"]].concat()
    };
    let dry = pipeline.succeed(&asked("earliest"));
    assert!(
        dry.contains("7 offsets skipped") && dry.contains("--yes does it"),
        "{dry}"
    );
    let (end, _) = pipeline.command(&asked("0"));
    assert_eq!(end.code(), Some(64), "an offset that is not there");
    let done = [&asked("earliest")[..], &["--yes", "--wait", "60s"]].concat();
    let done = pipeline.succeed(&done);
    assert!(done.contains("the owner has followed"), "{done}");
    let (end, again) = pipeline.command(&asked("earliest"));
    assert!(
        end.code() == Some(1) && again.contains("nothing to decide"),
        "{again}"
    );
}

/// Retention that passed unread records halts that partition, and names the gap.
#[test]
fn a12_retention_that_passes_a_running_group_halts_it_once_it_is_done_with_what_it_holds() {
    let kafka = Kafka::start().unwrap();
    let mut postgres = Postgres::start().unwrap();
    let database = Database::Postgres(postgres.fresh_database());
    let mut pipeline = pipeline(&kafka, database);
    let counter = Counter::open(&pipeline.bootstrap);
    pipeline.start_sandbox();
    // It holds few records, so that what it does not hold can be taken from under it.
    let few = [
        ("consumer.queue_records_max", "20"),
        ("consumer.batch_records_max", "10"),
        ("kafka.options.queued.min.messages", "10"),
        ("kafka.options.fetch.message.max.bytes", "2000"),
    ];
    let payment = pipeline.start("payment", &few);
    counter.buy(&shop::purchases(1, 2, 30));
    eventually(SOON, "the first are read", || {
        read(&pipeline, "payment") == 30
    });

    postgres.stop();
    // In small batches: Kafka gives a batch out whole.
    let bought = shop::purchases(2, 2, 1_500);
    let places: Vec<Place> = bought
        .chunks(10)
        .flat_map(|some| counter.buy(some))
        .collect();
    let last = |partition| {
        places
            .iter()
            .filter(|place| place.0 == partition)
            .map(|place| place.1)
            .max()
    };
    eventually(SOON, "it says that it waits for its database", || {
        pipeline.members[payment].waits_for().contains("database")
    });
    for partition in 0..3 {
        delete_before(&kafka, PURCHASES, partition, last(partition).unwrap() - 5);
    }
    postgres.cont();

    until_halted(&pipeline, payment, PARTITIONS);
    pipeline.members[payment].assert_live();
    let status = status(&pipeline, payment);
    for (partition, first) in (0..3).map(|partition| (partition, last(partition).unwrap() - 5)) {
        let account = &status["halted"][format!("{PURCHASES}[{partition}]")];
        let next = position(&pipeline, "payment", partition);
        assert_eq!(account["cause"], "deleted_unread", "{status}");
        assert_eq!(
            (&account["next_offset"], &account["first_offset"]),
            (&next.into(), &first.into())
        );
        assert_eq!(account["unreadable"], first - next);
        move_on(&mut pipeline, partition, "earliest");
    }
    eventually(SOON, "it has read what was left", || {
        (0..3).all(|partition| {
            position(&pipeline, "payment", partition) == last(partition).unwrap() + 1
        })
    });
    assert_every_offset_is_explained(&pipeline);
    pipeline.assert_running();
}

/// A topic that was deleted and created again is detected by its id, and halts.
#[test]
fn a10_a_topic_that_was_created_again_halts_a_group_that_was_stopped_and_one_that_runs() {
    let kafka = Kafka::start().unwrap();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = pipeline(&kafka, database);
    pipeline.start_sandbox();
    let payment = pipeline.start("payment", &[]);
    buy(&pipeline, 1);
    eventually(SOON, "the first are read", || known(&pipeline) == 30);

    pipeline.stop(payment);
    create_again(&mut pipeline, &kafka);
    // As many records as before: no offset tells that they are others.
    buy(&pipeline, 2);
    pipeline.start_again(payment);
    until_all_halted_as_created_again(&pipeline, payment);
    assert_eq!(
        known(&pipeline),
        30,
        "nothing of the new topic was taken for the old one"
    );
    for partition in 0..3 {
        move_on(&mut pipeline, partition, "earliest");
    }
    eventually(SOON, "the new topic is read", || known(&pipeline) == 60);

    create_again(&mut pipeline, &kafka);
    buy(&pipeline, 3);
    buy(&pipeline, 4);
    until_all_halted_as_created_again(&pipeline, payment);
    pipeline.members[payment].assert_live();
    for partition in 0..3 {
        move_on(&mut pipeline, partition, "earliest");
    }
    eventually(SOON, "the newest topic is read from its beginning", || {
        known(&pipeline) == 120
    });
    assert_every_offset_is_explained(&pipeline);
    pipeline.assert_running();
}

fn until_all_halted_as_created_again(pipeline: &Pipeline, payment: usize) {
    until_halted(pipeline, payment, PARTITIONS);
    let status = status(pipeline, payment);
    let halted = status["halted"].as_object().unwrap();
    let causes: BTreeSet<&str> = halted
        .values()
        .map(|one| one["cause"].as_str().unwrap())
        .collect();
    assert_eq!(causes, BTreeSet::from(["created_again"]), "{status}");
    for account in halted.values() {
        assert_ne!(account["topic_id"], account["present_topic_id"], "{status}");
    }
}

fn member_of(pipeline: &Pipeline, group: &str) -> usize {
    let mut members = pipeline.members.iter();
    members.position(|member| member.group == group).unwrap()
}

fn buy(pipeline: &Pipeline, seed: u64) -> Vec<Place> {
    // A producer keeps the id of a topic; a new one asks.
    Counter::open(&pipeline.bootstrap).buy(&shop::purchases(seed, 2, 30))
}

/// Purchases that payment has read.
fn known(pipeline: &Pipeline) -> i64 {
    let query = "SELECT count(*) FROM payments WHERE content_hash IS NOT NULL";
    pipeline.database.number("payment", query).unwrap()
}

/// Purchase records that a group has passed.
fn read(pipeline: &Pipeline, group: &str) -> i64 {
    let query =
        format!("SELECT coalesce(sum(next_offset), 0) FROM positions WHERE topic = '{PURCHASES}'");
    pipeline.database.number(group, &query).unwrap_or_default()
}

fn position(pipeline: &Pipeline, group: &str, partition: i32) -> i64 {
    let query = format!(
        "SELECT next_offset FROM positions WHERE topic = '{PURCHASES}' AND partition = {partition}"
    );
    pipeline.database.number(group, &query).unwrap()
}

fn ends(pipeline: &Pipeline) -> Vec<i64> {
    let ends = records::ends(&pipeline.bootstrap, &[PURCHASES], SOON).unwrap();
    ends[0].next_offsets.clone()
}

fn status(pipeline: &Pipeline, which: usize) -> serde_json::Value {
    // A process that has just been started does not answer yet.
    let answer = pipeline.members[which].probe("status");
    answer.map_or(serde_json::Value::Null, |(_, body)| {
        serde_json::from_str(&body).unwrap()
    })
}

fn until_halted(pipeline: &Pipeline, which: usize, count: i64) {
    let query = "SELECT count(*) FROM positions WHERE halted IS NOT NULL";
    eventually(SOON, &format!("{count} partitions have halted"), || {
        let stored = pipeline
            .database
            .number("payment", query)
            .unwrap_or_default();
        let shown = status(pipeline, which)["halted"]
            .as_object()
            .map(serde_json::Map::len);
        stored == count && shown == usize::try_from(count).ok()
    });
}

fn move_on(pipeline: &mut Pipeline, partition: i32, to: &str) {
    let partition = partition.to_string();
    let on = [
        "positions",
        "move",
        "payment",
        "--topic",
        PURCHASES,
        "--partition",
        &partition,
    ];
    let how = [
        "--to", to, "--reason", REASON, "--by", "ada", "--yes", "--wait", "60s",
    ];
    pipeline.succeed(&[&on[..], &how].concat());
}

/// Every offset between where counting began and where the group is was counted or is in a halt's account.
fn assert_every_offset_is_explained(pipeline: &Pipeline) {
    let query = "\
        SELECT count(*) FROM positions p WHERE next_offset - start_offset \
          <> applied + duplicates + ignored + set_aside + parked \
          - coalesce((SELECT max(counted_before) FROM halts h \
              WHERE h.topic = p.topic AND h.partition = p.partition), 0) \
          + coalesce((SELECT sum(skipped_to - skipped_from) FROM halts h \
              WHERE h.topic = p.topic AND h.partition = p.partition), 0)";
    assert_eq!(pipeline.database.number("payment", query).unwrap(), 0);
}

/// Deletes the topic of the purchases, and creates it as it was declared.
fn create_again(pipeline: &mut Pipeline, kafka: &Kafka) {
    let options = AdminOptions::new().operation_timeout(Some(SOON));
    let deleted = wait::block_on(kafka.admin().delete_topics(&[PURCHASES], &options)).unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    eventually(SOON, "the topic is gone", || {
        let asked = kafka.admin();
        let known = asked.inner().fetch_metadata(Some(PURCHASES), SOON).unwrap();
        known
            .topics()
            .iter()
            .all(|topic| topic.partitions().is_empty())
    });
    pipeline.succeed(&["topics", "apply"]);
}
