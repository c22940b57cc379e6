//! The group as the runtime drives it: from the bytes of a record to its rows.

mod support;

use std::sync::Arc;

use analytics::{Analytics, Windows};
use codec::Codec;
use runtime::{Coordinates, Decision, Group, Record, in_memory::InMemory};
use schemas::{Event, Fact, ids};
use support::{Bought, START, facts, received};

fn record(codec: &Codec, fact: &Fact) -> Record {
    let sent = codec.write(fact);
    Record {
        at: Coordinates {
            topic: Arc::from(sent.topic),
            partition: 5,
            offset: 42,
        },
        key: Some(sent.key),
        payload: sent.payload,
        headers: sent.headers,
        timestamp_micros: START,
    }
}

#[test]
fn records_of_all_topics_are_counted_in_the_shard_of_their_partition() {
    let codec = Arc::new(Codec::without_registry());
    let group = Analytics::new(codec.clone(), Windows::default());
    let mut analytics = InMemory::new(group);
    let bought = Bought {
        purchase_id: ids::purchase_id("account", "key"),
        customer: 1,
        at: START,
        currency: "EUR",
        lines: vec![(1, 1, 100)],
    };
    let captured = facts(&bought, 1).swap_remove(6);
    let movement = received(&ids::derived("movement", "test"), START, 5);
    for event in [captured, movement] {
        let Event::Fact(fact) = event else {
            unreachable!("both are facts")
        };
        let observed = analytics.group().decode(&record(&codec, &fact)).unwrap();
        let decisions = [0, 1].map(|now| analytics.apply(&observed, now).0);
        assert_eq!(decisions, [Ok(Decision::Applied), Ok(Decision::Duplicate)]);
    }
    let windows: Vec<_> = analytics.rows().windows.iter().cloned().collect();
    assert_eq!(windows.len(), 2);
    for window in windows {
        assert_eq!(
            (window.shard, window.captured, window.stock_received),
            (5, 1, 5)
        );
    }
}
