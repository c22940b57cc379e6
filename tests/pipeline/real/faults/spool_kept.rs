//! A: a broker that is killed, and what a storefront has accepted meanwhile, when it is killed, too.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use harness::{
    Broker as _,
    disk::{Disk, DiskFault},
    eventually,
    kafka::Kafka,
    records,
};
use rdkafka::Message as _;
use sandbox::Faults;
use schemas::topics::PURCHASES;
use simulator::{
    Plan,
    journal::{self, Line},
};

use super::{broker::until_spooled, machine::Machine, spool::over_http};
use crate::whole::{
    load::Load,
    members::{Member, SOON},
};

/// So many purchases that a spool is read in their order by nobody's luck.
const SPOOLED_BYTES: u64 = 40_000;
/// From the moment when the broker answers again.
const RESUMES_WITHIN: Duration = Duration::from_secs(30);
/// What each group has to have read by then, of what it had not when the broker came back.
const RESUMED: i64 = 50;
/// Longer than a session, and than is waited for an answer.
const A_LONG_OUTAGE: Duration = Duration::from_secs(10);

/// A broker that is killed and started again loses nothing that it acknowledged, and work goes on by itself. What
/// the storefront has accepted meanwhile outlives the storefront, and what its disk had not kept yet, and is
/// published in the order in which it was accepted.
#[test]
fn a1_a_broker_that_is_killed_loses_nothing_and_work_goes_on_when_it_is_back() {
    let disk = Disk::new(".spool").unwrap();
    disk.set(DiskFault::Forgets);
    let mut machine = Machine::new(Kafka::builder());
    machine.pipeline.set_disk_of_command("storefront", &disk);
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    // One after the other, so that there is one order in which they are accepted.
    let plan = Plan {
        requests_max: 1,
        ..over_http()
    };
    machine.is_followed = true;
    machine.sells_plan_while(&load, plan, |machine| {
        machine.until_at_work();
        machine.audit().until_looked();
        machine.kafka.kill();
        until_spooled(machine);
        (machine.pipeline.members.iter()).for_each(Member::assert_live);
        comes_back(machine);
        machine.audit().until_looked();

        machine.kafka.kill();
        let killed = Instant::now();
        until_spooled_more_than(machine, SPOOLED_BYTES);
        machine.pipeline.storefront_process().unwrap().kill();
        let lost = disk.lose_unsynced(&machine.pipeline.file("spool")).unwrap();
        eprintln!("a1: {lost} bytes were not synced");
        machine.pipeline.start_storefront();
        machine.hold(A_LONG_OUTAGE.saturating_sub(killed.elapsed()));
        until_spooled_more_than(machine, SPOOLED_BYTES);
        comes_back(machine);
        machine.audit().until_looked();
    });
    let accepted = accepted(&machine.pipeline.file("intents"));
    let mut compared = 0;
    for partition in 0..12 {
        let mut last = 0;
        for id in first_of_each(&machine.kafka.bootstrap(), partition) {
            let Some(number) = accepted.get(&id) else {
                continue;
            };
            assert!(last <= *number, "{id} ({number}) lies behind {last}");
            last = *number;
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} were compared");
}

fn until_spooled_more_than(machine: &Machine, bytes: u64) {
    eventually(SOON, "so much waits on the disk", || {
        (machine.pipeline.spooled_bytes()).is_ok_and(|waits| waits > bytes)
    });
}

/// Starts the broker again, and asserts that work goes on soon.
fn comes_back(machine: &mut Machine) {
    machine.kafka.restart().unwrap();
    let resumed = machine.until_read(RESUMED);
    eprintln!("a1: work went on after {resumed:?}");
    assert!(resumed < RESUMES_WITHIN, "work went on after {resumed:?}");
}

/// Purchases by the number of the first action on them, if the storefront has accepted all that was done to them.
fn accepted(intents: &Path) -> BTreeMap<String, u64> {
    let (mut of_action, mut first) = (BTreeMap::new(), BTreeMap::new());
    let mut uncertain = Vec::new();
    for line in journal::read(intents).unwrap() {
        match line.unwrap() {
            Line::Intent {
                number,
                purchase_id: Some(id),
                ..
            } => {
                of_action.insert(number, id);
            }
            Line::Intent { .. } => {}
            Line::Outcome {
                number, outcome, ..
            } => {
                let id = of_action
                    .remove(&number)
                    .expect("an intent comes before its outcome");
                match outcome.as_str() {
                    "accepted" => {
                        let known = first.entry(id).or_insert(number);
                        *known = number.min(*known);
                    }
                    "refused" => {}
                    _ => uncertain.push(id),
                }
            }
        }
    }
    for id in of_action.into_values().chain(uncertain) {
        first.remove(&id);
    }
    first
}

/// Whose records lie in a partition, in the order of the first of each.
fn first_of_each(bootstrap: &str, partition: i32) -> Vec<String> {
    let mut ids = Vec::new();
    for record in records::read(bootstrap, PURCHASES, partition, SOON).unwrap() {
        let id = String::from_utf8_lossy(record.key().unwrap()).into_owned();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
