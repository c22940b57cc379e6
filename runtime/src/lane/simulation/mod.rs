//! One lane through every fault of its database: the real lane, publisher and SQLite, with each call
//! in turn failing, losing its reply, or being the last one of its process; and with each of its
//! batches in turn coming from a process that was taken for dead.
//!
//! What the tables hold in the end must not show that anything happened, and what was published is
//! what the journal holds.

mod faulty;
#[expect(
    unreachable_pub,
    reason = "the macros declare public types, as groups need them"
)]
mod group;
mod tables;
mod topic;
mod world;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use self::{
    faulty::{Fault, Plan},
    tables::Tables,
    topic::Journal,
    world::World,
};
use crate::kafka::in_process::InProcessCluster;

const TOPIC: &str = "accounting.in.v1";
const OUT: &str = "accounting.out.v1";
const DEAD: &str = "accounting.dead.v1";
const SHARDS: [i32; 2] = [0, 1];
const PARTITIONS: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is left of a run, and how often it has called its database.
struct Ended {
    tables: Tables,
    journal: Journal,
    calls: u64,
}

async fn run(bootstrap: &str, plan: Plan) -> Ended {
    let mut world = World::new(bootstrap, plan).await;
    world.run().await;
    Ended {
        tables: world.tables().await,
        journal: world.journal().await,
        calls: world.store.calls(),
    }
}

fn cluster() -> InProcessCluster {
    let cluster = InProcessCluster::start().unwrap();
    for topic in [TOPIC, OUT, DEAD] {
        let partitions = i32::try_from(SHARDS.len()).unwrap();
        cluster.create_topic(topic, partitions).unwrap();
    }
    cluster
}

/// Runs through all plans, a few at a time, and holds each against a run without faults, and what
/// all of them have published against their journals.
async fn compare(plans: impl IntoIterator<Item = (String, Plan)>, cluster: &InProcessCluster) {
    let bootstrap = cluster.bootstrap_servers();
    let expected = Arc::new(run(&bootstrap, Plan::Never).await.tables);
    let mut running = JoinSet::new();
    let mut plans = plans.into_iter();
    let mut journals = Vec::new();
    loop {
        while running.len() < 6
            && let Some((name, plan)) = plans.next()
        {
            let (bootstrap, expected) = (bootstrap.clone(), Arc::clone(&expected));
            running.spawn(async move {
                let ended = run(&bootstrap, plan).await;
                assert_eq!(ended.tables, *expected, "with {name}");
                (name, ended.journal)
            });
        }
        match running.join_next().await {
            Some(ended) => journals.push(ended.unwrap()),
            None => break,
        }
    }
    tokio::task::block_in_place(|| topic::compare(&bootstrap, &journals));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_faults_everything_has_its_effect_once() {
    let cluster = cluster();
    let Ended { tables, calls, .. } = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let [a, b, c, ..] = tables.accounts.as_slice() else {
        panic!("{:?}", tables.accounts)
    };
    assert_eq!((a.0.as_str(), a.1), ("a0", 8));
    assert_eq!(a.3, words("a1 t1 w1 t2 a2"));
    assert_eq!(
        a.2,
        words("a0:t1:task=t1 a0:t2:task=t2 a0:w1:timer:due a1 a2 t1 t2 w1")
    );
    assert_eq!((b.0.as_str(), b.3.clone()), ("a1", words("a1 t1 w1 t2 a2")));
    assert_eq!((c.0.as_str(), c.3.clone()), ("b0", words("n1 b1 t3")));
    assert_eq!(tables.dead_letters.len(), 6);
    assert!(calls > 50, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_call_fails_or_loses_its_reply_nothing_shows() {
    let cluster = cluster();
    let Ended { calls, .. } = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let faults = [Fault::Fails, Fault::LosesReply];
    let plans = (1..=calls).flat_map(|call| faults.map(|fault| (call, fault)));
    let plans = plans.map(|(call, fault)| (format!("{fault:?} {call}"), Plan::At(call, fault)));
    compare(plans, &cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_process_ends_nothing_shows() {
    let cluster = cluster();
    let Ended { calls, .. } = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let plans = (1..=calls).map(|call| {
        let plan = Plan::At(call, Fault::EndsAfter);
        (format!("end after {call}"), plan)
    });
    compare(plans, &cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_faults_in_one_life_do_not_show_either() {
    let cluster = cluster();
    let plans = (0..100).map(|seed| {
        let plan = Plan::Drawn {
            seed,
            one_in: 8,
            left: 40,
        };
        (format!("seed {seed}"), plan)
    });
    compare(plans, &cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_a_process_that_was_taken_for_dead_goes_on_nothing_shows() {
    let cluster = cluster();
    let Ended { calls, .. } = run(&cluster.bootstrap_servers(), Plan::Never).await;
    let plans = (1..=calls).map(|call| {
        let is_late = call % 2 == 0;
        let when = if is_late { "in the end" } else { "at once" };
        let plan = Plan::Outlived { call, is_late };
        (format!("{when}, from call {call} on"), plan)
    });
    compare(plans, &cluster).await;
}
