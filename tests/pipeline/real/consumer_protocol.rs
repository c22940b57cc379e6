//! The whole pipeline under `consumer.protocol = consumer` (KIP-848): the broker assigns, partitions come
//! and go one by one, and a member that is killed is missed by the broker's own session time-out.

use std::time::Duration;

use harness::{Broker as _, kafka::Kafka, postgres};

use crate::whole::{database::Database, endurance::Endurance, members::Pipeline};

const PURCHASES: u64 = 1_000;
const PACE_SECONDS: f64 = 25.0;

#[test]
fn nothing_is_lost_doubled_or_invented_under_the_consumer_protocol() {
    // As short as the sessions of the classic protocol in the other scenarios.
    let kafka = Kafka::builder()
        .setting("group.consumer.min.session.timeout.ms", "6000")
        .setting("group.consumer.session.timeout.ms", "6000")
        .setting("group.consumer.min.heartbeat.interval.ms", "500")
        .setting("group.consumer.heartbeat.interval.ms", "500")
        .start()
        .unwrap();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("consumer.protocol", "consumer");
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    let endurance = Endurance {
        actions: PURCHASES,
        rate: Some(PURCHASES as f64 / PACE_SECONDS),
        kill_every: Duration::from_secs(2),
        // A static member that is killed and comes back at once is refused until its session ends.
        has_static_members: false,
        deadline: Duration::from_secs(240),
    };
    endurance.run(&mut pipeline);
}
