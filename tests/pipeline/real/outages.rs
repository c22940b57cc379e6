//! Dependencies that go away: the groups stay, say that they live, and go on without being restarted.

use std::time::{Duration, Instant};

use harness::{Broker as _, eventually, kafka::Kafka, postgres::Postgres};

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    quiet,
    shop::{self, Counter},
};

const DEADLINE: Duration = Duration::from_secs(90);
/// Long enough for every loop of a process to have run into the outage.
const OUTAGE: Duration = Duration::from_secs(10);

#[test]
fn groups_wait_out_an_outage_of_the_database_and_of_the_broker() {
    let mut kafka = Kafka::start().unwrap();
    let mut postgres = Postgres::start().unwrap();
    let database = Database::Postgres(postgres.fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    let counter = Counter::open(&pipeline.bootstrap);
    counter.fill_shelves(1_000);
    pipeline.start_sandbox();
    pipeline.start_all(1);
    pipeline.until_shelves_are_full();
    counter.buy(&shop::purchases(1, 2, 50));
    quiet::until_quiet(&pipeline, DEADLINE);

    // It hangs: connections stay open and nothing answers.
    postgres.stop();
    counter.buy(&shop::purchases(2, 2, 50));
    assert_all_live_for(&pipeline, OUTAGE);
    postgres.cont();
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_completed(&pipeline, 100);

    // It is gone: connections are refused.
    postgres.kill();
    counter.buy(&shop::purchases(3, 2, 50));
    for member in &pipeline.members {
        let awaited = format!("{} says that it waits for its database", member.name);
        eventually(SOON, &awaited, || member.waits_for().contains("database"));
    }
    assert_all_live_for(&pipeline, OUTAGE / 4);
    postgres.restart().unwrap();
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_completed(&pipeline, 150);

    kafka.kill();
    let bought = shop::purchases(4, 2, 50);
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| counter.buy(&bought));
        assert_all_live_for(&pipeline, OUTAGE);
        kafka.restart().unwrap();
        publishing
            .join()
            .expect("the publisher delivers once the broker is back");
    });
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_completed(&pipeline, 200);
    pipeline.assert_running();
}

fn assert_all_live_for(pipeline: &Pipeline, time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        for member in &pipeline.members {
            member.assert_live();
        }
    }
}

fn assert_completed(pipeline: &Pipeline, count: i64) {
    let query = "SELECT count(*) FROM purchases WHERE status = 'completed'";
    assert_eq!(pipeline.database.number("timeline", query).unwrap(), count);
}
