//! Probes from outside, and how a process ends that is told to.

use std::time::Duration;

use harness::{Processes, processes::Process};

use crate::program::counterflow;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until a process says where it listens, in a log line that ends with its address.
pub(crate) fn address(process: &mut Process, line: &str) -> String {
    let wanted = format!("{line} address=");
    process.until_output(PATIENCE, &wanted).unwrap();
    let output = process.output();
    let (_, rest) = output.split_once(&wanted).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn healthcheck_tells_a_live_process_from_a_dead_one() {
    let mut processes = Processes::new().unwrap();
    processes.set("COUNTERFLOW__HTTP__LISTEN", "127.0.0.1:0");
    let mut sandbox = processes.start("provider", &["provider-sandbox"]).unwrap();
    let admin = address(&mut sandbox, "probes and metrics");
    address(&mut sandbox, "provider and carrier");
    let settings = [("COUNTERFLOW__ADMIN__LISTEN", admin.as_str())];
    counterflow(&["healthcheck"], &settings).code(0);
    counterflow(&["healthcheck", "--ready"], &settings).code(0);
    let ended = sandbox.terminate(PATIENCE).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", sandbox.output());
    let dead = counterflow(&["healthcheck"], &settings).code(1);
    assert!(dead.stdout.contains(&admin), "{dead:?}");
}

#[test]
fn healthcheck_needs_to_know_the_port() {
    let ended = counterflow(&["healthcheck"], &[]).code(64);
    assert!(ended.stderr.contains("admin.listen"), "{ended:?}");
}

#[test]
fn a_member_is_live_while_it_waits_for_its_tables_and_ends_in_order() {
    let mut processes = Processes::new().unwrap();
    // Nobody listens there: neither Kafka nor the database has to be up for a process to be alive.
    processes
        .set("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .set(
            "COUNTERFLOW__DATABASE__URL",
            "postgres://shop@127.0.0.1:1/shop",
        );
    let mut member = processes.start("timeline", &["timeline"]).unwrap();
    let admin = address(&mut member, "probes and metrics");
    let settings = [("COUNTERFLOW__ADMIN__LISTEN", admin.as_str())];
    counterflow(&["healthcheck"], &settings).code(0);
    counterflow(&["healthcheck", "--ready"], &settings).code(1);
    let ended = member.terminate(PATIENCE).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", member.output());
}
