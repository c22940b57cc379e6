//! A: the storefront while its broker holds still.

use std::time::{Duration, Instant};

use harness::kafka::Kafka;
use sandbox::Faults;
use simulator::Plan;

use super::{
    broker::until_spooled,
    machine::{Machine, PURCHASES_PER_SECOND, resident_kib},
};
use crate::whole::load::Load;

/// Longer than a member's session, and than the storefront waits for the broker.
const HELD_STILL: Duration = Duration::from_secs(8);
/// What a storefront may take more meanwhile, beside its spool.
const MORE_MEMORY_KIB: u64 = 64 * 1024;

/// Shops that sell through the storefront alone.
pub(super) fn over_http() -> Plan {
    let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    plan.count = None;
    (plan.shares.http, plan.shares.poison) = (1.0, 0.0);
    plan
}

/// While the broker holds still, the storefront answers within its deadline and holds a bounded queue;
/// afterwards nothing is doubled.
#[test]
fn a2_a_broker_that_holds_still_for_longer_than_a_session_doubles_nothing() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_plan_while(&load, over_http(), |machine| {
        machine.until_at_work();
        let storefront = machine.pipeline.storefront_process().unwrap().pid();
        let before = resident_kib(storefront);
        machine.kafka.stop();
        let held = Instant::now();
        // What the shops sell over HTTP is accepted all the same, and lies on the disk.
        until_spooled(machine);
        machine.hold(HELD_STILL.saturating_sub(held.elapsed()));
        let now = resident_kib(storefront);
        assert!(now < before + MORE_MEMORY_KIB, "{before} KiB, then {now}");
        machine.kafka.cont();
        machine.until_progress();
    });
}
