//! The in-process cluster of the harness keeps what it is given.

use std::time::Duration;

use harness::{Broker as _, mock, records};
use rdkafka::Message as _;

#[test]
fn a_record_written_is_read_back() {
    let broker = mock::shared();
    let topic = broker.fresh_topic("round-trip", 3);
    records::write(&broker.bootstrap(), &topic, 2, &["a", "b"]).unwrap();

    let read = records::read(&broker.bootstrap(), &topic, 2, Duration::from_secs(20)).unwrap();

    let payloads: Vec<_> = read.iter().filter_map(|record| record.payload()).collect();
    assert_eq!(payloads, [b"a", b"b"]);
}

#[test]
fn a_broker_that_is_down_is_noticed_and_one_that_is_up_again_serves() {
    let broker = mock::MockKafka::start().unwrap();
    let topic = broker.fresh_topic("down", 1);
    records::write(&broker.bootstrap(), &topic, 0, &["before"]).unwrap();
    broker.with(|cluster| cluster.broker_down(1)).unwrap();
    let refused = records::read(&broker.bootstrap(), &topic, 0, Duration::from_secs(1));
    assert!(refused.is_err(), "{refused:?}");

    broker.with(|cluster| cluster.broker_up(1)).unwrap();

    let read = records::read(&broker.bootstrap(), &topic, 0, Duration::from_secs(20)).unwrap();
    assert_eq!(read.len(), 1);
}
