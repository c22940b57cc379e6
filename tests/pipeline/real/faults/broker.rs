//! A: the broker itself: not there yet, and with too few replicas. Where it is killed: `spool_kept`.

use std::time::{Duration, Instant};

use harness::{Broker as _, eventually, kafka::Cluster, postgres::Postgres, records};
use rdkafka::{
    admin::{AdminOptions, NewTopic, TopicReplication},
    error::RDKafkaErrorCode,
};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{Member, SOON},
};

const SHOPS_OPEN: Duration = Duration::from_secs(8);
/// Longer than any single try to reach a broker may take.
const NO_BROKER_FOR: Duration = Duration::from_secs(16);
/// A process has several clients, and each has to wait longer after each try, up to half a second.
const TRIES_PER_SECOND_MAX: f64 = 16.0;
const TRIES_PER_SECOND_MIN: f64 = 0.5;

pub(super) fn until_spooled(machine: &Machine) {
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
    let mut machine = Machine::behind_a_proxy();
    machine.sells_over_http = true;
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.kafka.kill();
    machine.pipeline.kill_storefront();
    machine.pipeline.start_all(1);
    let ids = |machine: &Machine| -> Vec<u32> {
        let members = machine.pipeline.members.iter();
        members.map(Member::id).collect()
    };
    let started = ids(&machine);
    (machine.pipeline.members.iter()).for_each(Member::assert_live);
    // They go on trying for as long as there is none, and do nothing else.
    let (since, busy) = (Instant::now(), machine.processor_seconds());
    let tries = machine.network().connections();
    machine.hold(NO_BROKER_FOR);
    let seconds = since.elapsed().as_secs_f64();
    machine.assert_idle_since(&busy, since.elapsed());
    let tries = (machine.network().connections() - tries) as f64 / seconds;
    let processes = started.len() as f64 + 1.0;
    eprintln!("a5: {tries:.1} tries a second of {processes} processes");
    assert!(tries > TRIES_PER_SECOND_MIN * processes, "{tries} a second");
    assert!(tries < TRIES_PER_SECOND_MAX * processes, "{tries} a second");
    for member in &machine.pipeline.members {
        let ready = member.probe("readyz").unwrap_or_default();
        assert_eq!(ready.0, 503, "{}: {}", member.name, ready.1);
    }
    machine.pipeline.assert_running();

    machine.kafka.restart().unwrap();
    machine.sells_to(&load, Duration::from_secs(2), |_| {});
    assert_eq!(ids(&machine), started, "nobody was started again");
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
