//! A: the broker itself: killed, held still, not there yet, and with too few replicas.

use std::time::{Duration, Instant};

use harness::{
    Broker as _, eventually,
    kafka::{Cluster, Kafka},
    postgres::Postgres,
    records,
};
use rdkafka::{
    admin::{AdminOptions, NewTopic, TopicReplication},
    error::RDKafkaErrorCode,
};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{load::Load, members::SOON};

const SHOPS_OPEN: Duration = Duration::from_secs(8);
/// Longer than a member's session, and than the storefront waits for the broker.
const HELD_STILL: Duration = Duration::from_secs(8);

/// A broker that is killed and started again loses nothing that it acknowledged, and work goes on by itself.
#[test]
fn a1_a_broker_that_is_killed_loses_nothing_and_work_goes_on_when_it_is_back() {
    let mut machine = Machine::new(Kafka::builder());
    machine.sells_over_http = true;
    machine.is_followed = true;
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        machine.audit().until_looked();
        machine.kafka.kill();
        until_spooled(machine);
        machine
            .pipeline
            .members
            .iter()
            .for_each(|member| member.assert_live());
        machine.kafka.restart().unwrap();
        machine.audit().until_looked();
        machine.until_progress();
    });
}

/// While the broker holds still, the storefront answers within its deadline and holds a bounded queue;
/// afterwards nothing is doubled.
#[test]
fn a2_a_broker_that_holds_still_for_longer_than_a_session_doubles_nothing() {
    let mut machine = Machine::new(Kafka::builder());
    machine.sells_over_http = true;
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        machine.kafka.stop();
        let held = Instant::now();
        // What the shops sell over HTTP is accepted all the same, and lies on the disk.
        until_spooled(machine);
        while held.elapsed() < HELD_STILL {
            machine
                .pipeline
                .members
                .iter()
                .for_each(|member| member.assert_live());
        }
        machine.kafka.cont();
        machine.until_progress();
    });
}

fn until_spooled(machine: &Machine) {
    eventually(SOON, "the storefront keeps purchases on its disk", || {
        machine
            .pipeline
            .spooled_bytes()
            .is_ok_and(|bytes| bytes > 0)
    });
}

/// A process that finds no broker starts, is not ready, and becomes so by itself.
#[test]
fn a5_processes_that_find_no_broker_live_without_being_ready_until_there_is_one() {
    let mut machine = Machine::new(Kafka::builder());
    machine.sells_over_http = true;
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.kafka.kill();
    machine.pipeline.kill_storefront();
    machine.pipeline.start_all(1);
    let ids: Vec<u32> = machine
        .pipeline
        .members
        .iter()
        .map(|one| one.id())
        .collect();
    for member in &machine.pipeline.members {
        member.assert_live();
        let ready = member.probe("readyz").unwrap_or_default();
        assert_eq!(ready.0, 503, "{}: {}", member.name, ready.1);
    }
    machine.pipeline.assert_running();

    machine.kafka.restart().unwrap();
    machine.sells_to(&load, Duration::from_secs(2), |_| {});
    let now: Vec<u32> = machine
        .pipeline
        .members
        .iter()
        .map(|one| one.id())
        .collect();
    assert_eq!(now, ids, "nobody was started again");
}

/// With too few replicas in sync a purchase is refused, or spooled, rather than weakly kept; a change of
/// leader loses nothing.
#[test]
fn a9_with_too_few_replicas_nothing_is_kept_weakly_and_a_change_of_leader_loses_nothing() {
    let Cluster { first, mut others } = Cluster::start().unwrap();
    let all = [&first, &others[0], &others[1]]
        .map(|broker| broker.bootstrap())
        .join(",");
    let settings = [
        ("kafka.bootstrap_servers", all.as_str()),
        ("topics.partitions", "6"),
        ("topics.replication", "3"),
        ("topics.min_insync_replicas", "2"),
    ];
    let probe = "replicated-probe";
    let topic = NewTopic::new(probe, 1, TopicReplication::Fixed(3)).set("min.insync.replicas", "2");
    let options = AdminOptions::new().operation_timeout(Some(SOON));
    let made = harness::wait::block_on(first.admin().create_topics([&topic], &options)).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    records::write(&all, probe, 0, &["acknowledged"]).unwrap();

    let mut machine = Machine::on(first, Postgres::start().unwrap(), &settings);
    machine.pipeline.bootstrap.clone_from(&all);
    machine.sells_over_http = true;
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        others[0].kill();
        machine.until_progress();
        others[1].kill();
        eventually(SOON, "a write is refused for want of replicas", || {
            let refusal = records::refusal(&machine.kafka.bootstrap(), probe);
            matches!(
                refusal,
                Some(
                    RDKafkaErrorCode::NotEnoughReplicas
                        | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
                )
            )
        });
        until_spooled(machine);
        std::thread::scope(|scope| {
            for broker in &mut others {
                scope.spawn(|| broker.restart().unwrap());
            }
        });
        machine.until_progress();
        let kept = records::read(&all, probe, 0, SOON).unwrap();
        assert!(!kept.is_empty(), "what was acknowledged is there");
    });
}
