//! The group as the runtime drives it: from the bytes of a record to its rows.

mod support;

use std::sync::Arc;

use codec::Codec;
use runtime::{Coordinates, Decision, Group, Record, Refusal, in_memory::InMemory};
use schemas::{Event, Fact, domain::StockReceived};
use support::{READ_AT, facts};
use timeline::{TOPICS, Timeline};

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
        timestamp_micros: 1_234,
    }
}

#[test]
fn a_record_becomes_an_entry_with_its_coordinates_and_version() {
    let codec = Arc::new(Codec::without_registry());
    let mut timeline = InMemory::new(Timeline::new(codec.clone()));
    let id = schemas::ids::purchase_id("account", "key");
    let Event::Fact(fact) = facts(&id).swap_remove(0) else {
        unreachable!("facts are facts")
    };
    let observed = timeline.group().decode(&record(&codec, &fact)).unwrap();
    assert_eq!(timeline.apply(&observed, READ_AT).0, Ok(Decision::Applied));
    assert_eq!(
        timeline.apply(&observed, READ_AT).0,
        Ok(Decision::Duplicate)
    );
    let entries: Vec<_> = timeline.rows().events.iter().cloned().collect();
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(entry.kind, "PaymentAuthorised");
    assert_eq!(entry.topic, "shop.payments.v1");
    assert_eq!((entry.record_partition, entry.record_offset), (5, 42));
    assert_eq!((entry.recorded_at, entry.schema_version), (1_234, 1));
    assert_eq!(entry.causation_id.as_deref(), fact.causation_id());
}

#[test]
fn a_movement_of_stock_has_no_place_in_a_timeline() {
    let codec = Arc::new(Codec::without_registry());
    let timeline = Timeline::new(codec.clone());
    assert!(!TOPICS.contains(&schemas::topics::STOCK));
    let movement = Fact::StockReceived(StockReceived {
        event_id: schemas::ids::derived("movement", "test"),
        sku: "17".to_owned(),
        occurred_at: READ_AT,
        causation_id: None,
        quantity: 5,
    });
    let refused = timeline.decode(&record(&codec, &movement));
    assert!(matches!(
        refused,
        Err(Refusal::Poison {
            reason: "no_purchase",
            ..
        })
    ));
}
