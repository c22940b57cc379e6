//! Where each purchase stands with a group, and which steps from there there are (I7).

use std::collections::BTreeMap;

use runtime::store::{Cells, Kind, MemoryStore};

use crate::groups;

const READ: [&str; 4] = [
    "SELECT purchase_id, state FROM payments",
    "SELECT purchase_id, state FROM reservations",
    "SELECT purchase_id, state FROM dispatches",
    "SELECT purchase_id, status FROM purchases",
];

/// Where each purchase stands; empty for a group that keeps no such state.
pub(crate) fn read(group: usize, store: &MemoryStore) -> Result<BTreeMap<String, String>, String> {
    let Some(sql) = READ.get(group) else {
        return Ok(BTreeMap::new());
    };
    let columns = store.query(sql, &[], &[Kind::Text, Kind::Text]);
    let columns = columns.map_err(|error| error.to_string())?;
    let [Cells::Text(ids), Cells::Text(states)] = columns.as_slice() else {
        return Err("states do not fit".to_owned());
    };
    let ids = ids.iter().flatten().cloned();
    Ok(ids.zip(states.iter().flatten().cloned()).collect())
}

/// Every purchase went on along a way that there is.
pub(crate) fn compare(
    group: usize,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Result<(), String> {
    for (id, state) in before {
        let Some(next) = now.get(id) else {
            return Err(format!("I7: {} forgot {id}", groups::NAMES[group]));
        };
        if state != next && !may_follow(group, state, next) {
            let who = groups::NAMES[group];
            return Err(format!("I7: {who} went from {state} to {next} for {id}"));
        }
    }
    Ok(())
}

/// A batch may take several steps at once, so the order of the states is what holds.
fn may_follow(group: usize, state: &str, next: &str) -> bool {
    match group {
        groups::INVENTORY => match state {
            "rejected" | "released" | "committed" => false,
            // A shipment asks again for what has lapsed.
            "expired" => next != "waiting",
            "firm" => matches!(next, "released" | "committed"),
            _ => next != "waiting",
        },
        groups::PAYMENT => payment(state) < payment(next),
        groups::DISPATCH => dispatch(state) < dispatch(next),
        _ => true,
    }
}

fn payment(state: &str) -> u8 {
    match state {
        "expected" => 0,
        "authorising" => 1,
        "disputed" => 2,
        "authorised" => 3,
        "voiding" | "capturing" => 4,
        "declined" | "voided" | "captured" => 5,
        "capture_failed" | "refunding" => 6,
        _ => 7,
    }
}

fn dispatch(state: &str) -> u8 {
    match state {
        "waiting" => 0,
        "requested" => 1,
        "handing_over" => 2,
        "handed_over" => 3,
        _ => 4,
    }
}
