//! Apache Kafka under the harness: what it acknowledged outlives it, and a stopped one holds still.

use std::time::Duration;

use harness::{Broker as _, kafka, proxy::Fault, records};
use rdkafka::Message as _;

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn a_record_written_is_read_back() {
    let broker = kafka::shared();
    let topic = broker.fresh_topic("round-trip", 3);
    records::write(&broker.bootstrap(), &topic, 2, &["a", "b"]).unwrap();

    let read = records::read(&broker.bootstrap(), &topic, 2, DEADLINE).unwrap();

    let payloads: Vec<_> = read.iter().filter_map(|record| record.payload()).collect();
    assert_eq!(payloads, [b"a", b"b"]);
}

#[test]
fn what_was_acknowledged_outlives_a_kill_and_a_restart() {
    let mut broker = kafka::Kafka::builder().proxied("edge").start().unwrap();
    let topic = broker.fresh_topic("durable", 1);
    records::write(&broker.bootstrap(), &topic, 0, &["first"]).unwrap();

    broker.kill();
    let refused = records::read(&broker.bootstrap(), &topic, 0, Duration::from_secs(1));
    assert!(refused.is_err(), "{refused:?}");
    broker.restart().unwrap();
    records::write(&broker.bootstrap(), &topic, 0, &["second"]).unwrap();
    broker.restart().unwrap();

    let read = records::read(&broker.bootstrap(), &topic, 0, DEADLINE).unwrap();
    let payloads: Vec<_> = read.iter().filter_map(|record| record.payload()).collect();
    assert_eq!(payloads, [&b"first"[..], b"second"]);

    // One class of clients is cut off, the other is not.
    broker.proxy("edge").set(Fault::Cut);
    let edge = broker.bootstrap_of("edge");
    assert!(records::read(&edge, &topic, 0, Duration::from_secs(1)).is_err());
    assert_eq!(
        records::read(&broker.bootstrap(), &topic, 0, DEADLINE)
            .unwrap()
            .len(),
        2
    );
    broker.proxy("edge").heal();
    assert_eq!(records::read(&edge, &topic, 0, DEADLINE).unwrap().len(), 2);
    assert!(
        broker.proxy("edge").bytes_to_client() > 0,
        "the edge's records went through its proxy"
    );

    // A frozen broker answers nothing, and goes on where it was.
    broker.stop();
    assert!(records::read(&broker.bootstrap(), &topic, 0, Duration::from_secs(1)).is_err());
    broker.cont();
    assert_eq!(
        records::read(&broker.bootstrap(), &topic, 0, DEADLINE)
            .unwrap()
            .len(),
        2
    );
}
