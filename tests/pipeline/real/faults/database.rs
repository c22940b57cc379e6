//! C: the database as a server: gone, hanging, and whose answers are lost.

use std::time::{Duration, Instant};

use harness::{eventually, kafka::Kafka, proxy::Proxy};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{GROUPS, SOON},
};

const SHOPS_OPEN: Duration = Duration::from_secs(6);
/// Longer than a session in the group, and than it waits for the next poll.
const OUTAGE: Duration = Duration::from_secs(9);
/// How long a group waits for the next poll here.
const POLLS_WITHIN: (&str, &str) = ("consumer.max_poll_interval", "8s");

/// A database that is gone is waited for, without a loop that eats the processor and without leaving the
/// group.
#[test]
fn c1_a_database_that_is_gone_is_waited_for_and_nobody_leaves_the_group() {
    let mut machine = Machine::new(Kafka::builder());
    machine.pipeline.set(POLLS_WITHIN.0, POLLS_WITHIN.1);
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    // At their start it is gone, too.
    machine.postgres.kill();
    machine.pipeline.start_all(1);
    machine.until_all_wait_for("database");
    machine.postgres.restart().unwrap();
    machine.is_followed = true;
    machine.sells_to(&load, SHOPS_OPEN, |machine| {
        machine.until_at_work();
        machine.audit().until_looked();
        let before = machine.rebalances();
        machine.postgres.kill();
        machine.until_all_wait_for("database");
        let (waited, busy) = (Instant::now(), machine.processor_seconds());
        machine.hold(OUTAGE);
        machine.assert_idle_since(&busy, waited.elapsed());
        machine.audit().until_cannot_look();
        machine.postgres.restart().unwrap();
        machine.audit().until_looked();
        machine.until_progress();
        assert_eq!(machine.rebalances(), before, "nobody has left the group");
    });
}

/// A database that hangs is given up in time and waited for.
#[test]
fn c2_a_database_that_hangs_is_given_up_in_time_and_nobody_leaves_the_group() {
    let mut machine = Machine::new(Kafka::builder());
    machine.pipeline.set(POLLS_WITHIN.0, POLLS_WITHIN.1);
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        let before = machine.rebalances();
        machine.postgres.stop();
        // Each has waited for an answer for as long as it does; and for longer than the group would wait.
        machine.until_all_wait_for("database");
        machine.hold(OUTAGE);
        machine.postgres.cont();
        machine.until_progress();
        assert_eq!(machine.rebalances(), before, "nobody has left the group");
    });
}

/// A COMMIT whose reply was lost is looked up, and never taken for a failure.
#[test]
fn c3_a_commit_whose_reply_is_lost_is_looked_up_by_every_group() {
    const LOST: u32 = 5;
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    let direct = machine.pipeline.database.url();
    let port = machine.postgres.port();
    let proxies: Vec<Proxy> = (GROUPS.iter())
        .map(|(group, _)| {
            let proxy = Proxy::start(port).unwrap();
            let url = direct.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
            machine.pipeline.start(group, &[("database.url", &url)]);
            proxy
        })
        .collect();
    machine.sells_to(&load, SHOPS_OPEN, |machine| {
        machine.until_at_work();
        // The server is sent it, and begins to answer.
        proxies
            .iter()
            .for_each(|proxy| proxy.drop_replies_to(b"COMMIT\0", LOST));
        for (proxy, (group, _)) in proxies.iter().zip(GROUPS) {
            eventually(
                SOON,
                &format!("{group} has lost the replies to its commits"),
                || proxy.replies_dropped() == u64::from(LOST),
            );
        }
        machine.until_progress();
    });
}
