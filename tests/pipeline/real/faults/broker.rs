//! A: the broker and the network to it.

use std::time::Duration;

use harness::{eventually, kafka::Kafka};

use super::machine::Machine;
use crate::whole::quiet;

#[test]
fn a1_a_broker_that_is_killed_loses_nothing_and_work_goes_on_when_it_is_back() {
    let machine = Machine::new(Kafka::builder());
    machine.sells_for(Duration::from_secs(8), |machine| {
        let read = || quiet::purchases_read(&machine.pipeline).unwrap();
        eventually(Duration::from_secs(60), "purchases are read", || {
            read() > 50
        });
        machine.kafka.kill();
        machine.kafka.restart().unwrap();
        let before = read();
        eventually(Duration::from_secs(60), "purchases are read again", || {
            read() > before
        });
    });
}
