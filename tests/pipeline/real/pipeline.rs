//! The whole pipeline on Apache Kafka, PostgreSQL and a schema registry, while members of every group, the
//! provider, the storefront, the broker and the database are killed and the registry is away for a while.
//!
//! The build server runs a few thousand purchases; `make endurance` runs a hundred thousand, or as many as
//! COUNTERFLOW_PURCHASES says.

use std::time::Duration;

use harness::{
    Broker as _,
    kafka::Kafka,
    postgres::Postgres,
    proxy::{Fault, Proxy},
    registry,
};

use crate::whole::{
    database::Database,
    endurance::{Disturbance, Endurance},
    members::Pipeline,
};

const PURCHASES: u64 = 3_000;
/// Up to so many are published over a time in which everything is killed at least once.
const PACED: u64 = 5_000;
const PACE_SECONDS: f64 = 30.0;

#[test]
fn nothing_is_lost_doubled_or_invented_whatever_is_killed() {
    let mut kafka = Kafka::start().unwrap();
    let mut postgres = Postgres::start().unwrap();
    let database = Database::Postgres(postgres.fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    let registry = registry::shared();
    let proxy = Proxy::start(registry.port()).unwrap();
    pipeline.set("registry.url", &registry.url_at(proxy.port()));
    let schemas = pipeline.file("schemas");
    pipeline.set("registry.cache_dir", &schemas.display().to_string());
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.succeed(&["schemas", "register"]);

    let actions = std::env::var("COUNTERFLOW_PURCHASES").map_or(PURCHASES, |count| {
        count.parse().expect("COUNTERFLOW_PURCHASES is a number")
    });
    let endurance = Endurance {
        actions,
        rate: (actions <= PACED).then_some(actions as f64 / PACE_SECONDS),
        kill_every: Duration::from_secs(3),
        has_static_members: true,
        deadline: Duration::from_secs(180 + actions / 100),
    };
    let broker = Disturbance {
        at: 0.25,
        make: Box::new(|_| {
            kafka.kill();
            kafka.restart().unwrap();
        }),
    };
    let database = Disturbance {
        at: 0.5,
        make: Box::new(|_| {
            postgres.kill();
            postgres.restart().unwrap();
        }),
    };
    let provider = Disturbance {
        at: 0.75,
        make: Box::new(Pipeline::kill_sandbox),
    };
    let storefront = |at: f64| Disturbance {
        at,
        make: Box::new(Pipeline::kill_storefront),
    };
    // Members that are killed meanwhile begin without it.
    let away = Disturbance {
        at: 0.35,
        make: Box::new(|_| proxy.set(Fault::Reset)),
    };
    let back = Disturbance {
        at: 0.65,
        make: Box::new(|_| proxy.heal()),
    };
    let all = vec![
        broker,
        storefront(0.3),
        away,
        storefront(0.4),
        database,
        storefront(0.6),
        back,
        provider,
    ];
    endurance.run(&mut pipeline, all);
}
