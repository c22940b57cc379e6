//! What a customer is shown of each purchase: everything that was stated about it, each once, and
//! every fact behind its cause.

use std::collections::{BTreeMap, BTreeSet};

use runtime::bookkeeping::rows::JournalEntry;
use timeline::{
    decide::{CONFLICT, REQUEST},
    order,
    rows::EntryRow,
};

use crate::{groups, verdict::rows, world::World};

/// The timeline holds what the groups' journals and the shops say, and nothing else.
pub(crate) fn entries(world: &World) -> Result<(), String> {
    let mut stated: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, purchase) in world.plan.bought() {
        let of_purchase = stated.entry(id.to_owned()).or_default();
        of_purchase.insert(purchase.event_id.clone());
    }
    for (event_id, id) in world.requests() {
        let of_purchase = stated.entry(id.to_owned()).or_default();
        of_purchase.insert(event_id.to_owned());
    }
    for group in [groups::PAYMENT, groups::INVENTORY, groups::DISPATCH] {
        let journal: Vec<JournalEntry> = rows(world, group)?;
        for entry in journal {
            if !entry.topic.contains("dead-letters") {
                let id = String::from_utf8_lossy(&entry.record_key).into_owned();
                stated.entry(id).or_default().insert(entry.event_id);
            }
        }
    }
    let mut shown: BTreeMap<String, Vec<EntryRow>> = BTreeMap::new();
    for entry in rows::<EntryRow>(world, groups::TIMELINE)? {
        (shown.entry(entry.purchase_id.clone()).or_default()).push(entry);
    }
    let known = |of: &BTreeMap<String, _>| -> BTreeSet<String> { of.keys().cloned().collect() };
    let of_shown: BTreeSet<String> = shown.keys().cloned().collect();
    holds!(
        known(&stated) == of_shown,
        "I2: the timeline shows {of_shown:?}, and there are {:?}",
        known(&stated)
    );
    for (id, entries) in shown {
        let facts = entries.iter().filter(|entry| entry.kind != CONFLICT);
        let ids: Vec<&String> = facts.map(|entry| &entry.event_id).collect();
        let once: BTreeSet<String> = ids.iter().copied().cloned().collect();
        holds!(
            once.len() == ids.len() && once == stated[&id],
            "I2: the timeline of {id} shows {ids:?}, and stated was {:?}",
            stated[&id]
        );
        for placed in order::causal(entries) {
            let entry = placed.row;
            // What a customer asks for may name a purchase that never came.
            let is_fact = ![CONFLICT, REQUEST].contains(&entry.kind.as_str());
            holds!(
                !is_fact || entry.causation_id.is_none() || placed.cause.is_some(),
                "I7: the timeline of {id} shows {} without its cause",
                entry.kind
            );
        }
    }
    Ok(())
}
