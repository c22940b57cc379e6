//! What shops do over thousands of actions.

use std::collections::{HashMap, HashSet};

use schemas::Encoder;

use super::*;

const START: i64 = 1_700_000_000_000_000;

fn actions(seed: u64, count: u64) -> Vec<Action> {
    let mut plan = Plan::new(seed, START);
    plan.count = Some(count);
    plan.shares.http = 0.3;
    Shop::new(&plan).collect()
}

#[test]
fn the_same_seed_does_the_same() {
    assert_eq!(actions(7, 5_000), actions(7, 5_000));
    assert_ne!(actions(7, 100), actions(8, 100));
}

#[test]
fn every_purchase_can_be_said_in_its_version() {
    let encoder = Encoder::new();
    let mut versions = [0_u32; 4];
    for action in actions(1, 20_000) {
        if let Deed::Buy { purchase, .. } = action.deed {
            let version = purchase.written_version;
            encoder
                .encode_purchase(&purchase, u32::from(version))
                .unwrap();
            versions[usize::from(version)] += 1;
        }
    }
    let total: u32 = versions.iter().sum();
    let share = |version: usize| f64::from(versions[version]) / f64::from(total);
    assert!((share(1) - 0.6).abs() < 0.03, "{versions:?}");
    assert!((share(2) - 0.3).abs() < 0.03, "{versions:?}");
    assert!((share(3) - 0.1).abs() < 0.03, "{versions:?}");
}

#[test]
fn everything_unusual_happens() {
    let mut kinds = HashMap::new();
    let (mut cancelled, mut early, mut poison, mut bursts) = (0, 0, HashSet::new(), 0);
    for action in actions(2, 50_000) {
        bursts += u32::from(action.is_burst);
        match action.deed {
            Deed::Buy { kind, .. } => *kinds.entry(kind).or_insert(0) += 1,
            Deed::Cancel { is_early: true, .. } => early += 1,
            Deed::Cancel { .. } => cancelled += 1,
            Deed::Poison(it) => _ = poison.insert(it.kind),
        }
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    assert!(cancelled > 100 && early > 10 && bursts > 100);
    assert!(poison.len() > 20, "{poison:?}");
}

#[test]
fn a_repeat_is_the_same_and_a_conflict_is_not() {
    let mut first: HashMap<String, Purchase> = HashMap::new();
    for action in actions(3, 20_000) {
        let Deed::Buy { purchase, kind } = action.deed else {
            continue;
        };
        match kind {
            Kind::Duplicate => assert_eq!(first[&purchase.purchase_id], *purchase),
            Kind::Conflict => {
                let original = &first[&purchase.purchase_id];
                assert_ne!(original.content_hash(), purchase.content_hash());
                assert_eq!(original.event_id, purchase.event_id);
            }
            _ => {
                let before = first.insert(purchase.purchase_id.clone(), *purchase);
                assert_eq!(before, None, "ids are new");
            }
        }
    }
}
