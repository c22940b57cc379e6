//! Each kind was good before, and is refused for its own reason.

use std::collections::HashSet;

use schemas::{Decoder, RawRecord, Refused};

use super::*;
use crate::action::Deed;
use crate::plan::Plan;
use crate::shop::Shop;

const START: i64 = 1_700_000_000_000_000;

fn a_purchase() -> Purchase {
    let mut plan = Plan::quiet(1, START);
    plan.mix.v1 = 0;
    plan.mix.v2 = 0;
    match Shop::new(&plan).next().unwrap().deed {
        Deed::Buy { purchase, .. } => *purchase,
        other => panic!("{other:?}"),
    }
}

fn read(record: &Record) -> Result<schemas::Decoded, Refused> {
    let headers: Vec<(String, Vec<u8>)> = (record.headers.iter().cloned())
        .map(|(name, value)| (name, value.unwrap_or_default()))
        .collect();
    Decoder::new(3).decode(&RawRecord {
        topic: &record.topic,
        key: record.key.as_deref(),
        payload: record.payload.as_deref(),
        headers: &headers,
        timestamp_micros: START,
    })
}

#[test]
fn what_is_spoilt_was_good_before() {
    let base = a_purchase();
    let mut draft = Draft {
        record: ENCODER.encode_purchase(&base, 3).unwrap().into(),
        base,
        chance: 0,
    };
    read(&draft.record).unwrap();
    draft.datum(|_| {});
    read(&draft.record).unwrap();
}

#[test]
fn there_is_poison_for_every_topic_and_no_kind_is_another() {
    let base = a_purchase();
    let mut random = StdRng::seed_from_u64(1);
    let all: Vec<Poison> = (0..Poison::kinds())
        .map(|which| Poison::of(which, &base, &mut random))
        .collect();
    let names: HashSet<&str> = all.iter().map(|one| one.kind).collect();
    assert_eq!(names.len(), all.len());
    let topics: HashSet<&str> = all.iter().map(|one| one.record.topic.as_str()).collect();
    assert_eq!(topics.len(), 5, "{topics:?}");
}

#[test]
fn every_poison_is_refused_for_its_reason() {
    let base = a_purchase();
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..50 {
        for which in 0..Poison::kinds() {
            let poison = Poison::of(which, &base, &mut random);
            match read(&poison.record) {
                Err(Refused::Poison { reason, .. }) => {
                    assert_eq!(reason, poison.reason, "{} in round {round}", poison.kind);
                }
                other => panic!("{}: {other:?}", poison.kind),
            }
        }
    }
}
