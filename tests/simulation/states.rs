//! Where each purchase stands with a group, and which steps from there there are (I7); and that what
//! waits for a time has a timer, so that it ends by then (I10).

use std::collections::BTreeMap;

use runtime::store::{Cells, Kind, MemoryStore};
use timeline::Status;

use crate::{groups, watch::wrong};

const READ: [&str; 4] = [
    "SELECT purchase_id, state FROM payments",
    "SELECT purchase_id, state FROM reservations",
    "SELECT purchase_id, state FROM dispatches",
    "SELECT purchase_id, status FROM purchases",
];

/// Which states one batch can lead to. Several inputs of a batch may be about one purchase, so these
/// are not single steps; but what another group has to hear of first takes a batch of its own.
const PAYMENT: &[(&str, &[&str])] = &[
    ("expected", &["authorising", "authorised", "voided"]),
    (
        "authorising",
        &["authorised", "declined", "disputed", "voiding"],
    ),
    ("disputed", &["authorised", "declined", "voiding"]),
    (
        "authorised",
        &["voiding", "voided", "capturing", "captured", "refunded"],
    ),
    ("voiding", &["voided"]),
    (
        "capturing",
        &["captured", "capture_failed", "refunding", "credited"],
    ),
    ("captured", &["refunding", "refunded"]),
    ("refunding", &["refunded"]),
    ("capture_failed", &["credited"]),
];
const INVENTORY: &[(&str, &[&str])] = &[
    ("waiting", &["held", "rejected", "released"]),
    ("held", &["firm", "expired", "rejected", "released"]),
    ("expired", &["firm", "rejected", "released"]),
    ("firm", &["released", "committed"]),
];
const DISPATCH: &[(&str, &[&str])] = &[
    ("waiting", &["requested", "cancelled"]),
    ("requested", &["handing_over", "cancelled"]),
    ("handing_over", &["handed_over", "returned", "cancelled"]),
    ("handed_over", &["returned"]),
];

/// What waits for a time, and has no timer for it; and timers for which nothing waits.
const WITHOUT_TIMER: [(usize, &str); 2] = [
    (
        groups::INVENTORY,
        "SELECT r.purchase_id, r.state, 1
           FROM reservations r LEFT JOIN timers t
             ON t.timer_id = r.purchase_id || ':expire' AND t.due_at = r.expires_at
          WHERE (r.state = 'held') <> (t.timer_id IS NOT NULL)
         UNION ALL
         SELECT t.timer_id, 'timer', 1 FROM timers t
          WHERE t.timer_key NOT IN (SELECT purchase_id FROM reservations WHERE state = 'held')",
    ),
    (
        groups::DISPATCH,
        "SELECT d.purchase_id, d.state, 1
           FROM dispatches d LEFT JOIN timers t ON t.timer_id = d.purchase_id || ':' ||
             CASE d.state WHEN 'waiting' THEN 'answers' ELSE 'ship_by' END
          WHERE t.timer_id IS NULL
            AND (d.state = 'waiting' AND NOT d.answers_late
              OR d.state IN ('requested', 'handing_over') AND NOT d.at_risk)",
    ),
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

/// Whatever ends by itself at some time has a timer that will see to it.
pub(crate) fn deadlines(group: usize, store: &MemoryStore) -> Result<(), String> {
    for (of, sql) in WITHOUT_TIMER {
        if of == group
            && let Some((what, _)) = wrong(store, sql, 2)?
        {
            let who = groups::NAMES[group];
            return Err(format!("I10: {who}: {what}: its timer and it do not agree"));
        }
    }
    Ok(())
}

fn may_follow(group: usize, state: &str, next: &str) -> bool {
    let table = match group {
        groups::PAYMENT => PAYMENT,
        groups::INVENTORY => INVENTORY,
        groups::DISPATCH => DISPATCH,
        _ => return rank(state) < rank(next),
    };
    let row = table.iter().find(|(from, _)| *from == state);
    row.is_some_and(|(_, to)| to.contains(&next))
}

/// Of what a customer is shown; unknown words have none.
fn rank(status: &str) -> Option<i32> {
    let known = Status::ALL.iter().find(|known| known.as_str() == status);
    known.map(|known| known.rank())
}
