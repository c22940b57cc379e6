//! C: the database.

use std::time::Duration;

use harness::{eventually, kafka::Kafka};

use super::machine::Machine;
use crate::whole::members::SOON;

#[test]
fn c1_a_database_that_is_gone_is_waited_for_and_nobody_leaves_the_group() {
    let machine = Machine::new(Kafka::builder());
    machine.sells_for(Duration::from_secs(8), |machine| {
        machine.postgres.kill();
        for member in &machine.pipeline.members {
            let awaited = format!("{} says that it waits for its database", member.name);
            eventually(SOON, &awaited, || member.waits_for().contains("database"));
            member.assert_live();
        }
        machine.postgres.restart().unwrap();
    });
}
