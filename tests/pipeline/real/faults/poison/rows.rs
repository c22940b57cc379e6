//! What each row publishes: records that have to be set aside, and good ones that only look like it.

use harness::registry::Registry;
use rand::{SeedableRng as _, rngs::StdRng};
use schemas::{
    DATUM_BYTES_MAX, Encoder, Event, Fact, Purchase,
    domain::{CancellationRequested, StockReceived},
};
use simulator::poison::Poison;

use super::{kinds::KINDS, schemas_of_others as others};
use crate::whole::{
    members::GROUPS,
    poison::HOSTILE,
    shop::{self, Counter, now},
};

/// All groups but the one that shows a contradiction as what it is.
const NOT_TIMELINE: &[&str] = &["payment", "inventory", "dispatch", "analytics"];

/// In the place of a reason: it waits for a reader that knows its version, as a version does whose numbers
/// are of another type.
pub(super) const PARKED: &str = "parked";

/// A record that has to be set aside.
pub(super) struct Letter {
    pub(super) row: &'static str,
    pub(super) poison: Poison,
    /// By these groups, of those that read its topic.
    pub(super) by: Vec<&'static str>,
    /// What must not be in any log.
    pub(super) secret: Option<String>,
}

/// A purchase that has to come to its end, and how.
pub(super) struct Good {
    pub(super) row: &'static str,
    pub(super) record: client::Record,
    pub(super) purchase_id: String,
    pub(super) ends: &'static str,
}

/// All letters, in the order in which they are published.
pub(super) fn letters(counter: &Counter, registry: &Registry) -> Vec<Letter> {
    let mut letters = of_the_shops();
    for version in 1..=3 {
        letters.extend(cut_at_every_byte(counter, version));
    }
    let bases = shop::purchases(20, 3, 30);
    let mut base = bases.iter();
    let mut next = || base.next().expect("there are as many as are used");
    letters.push(of(
        "f3",
        "id_of_another_subject",
        "wrong_topic",
        others::stock_by_id(registry),
    ));
    let nulls = others::array_of_nulls(registry, next());
    letters.push(of("f7", "array_of_nulls", "too_many_items", nulls));
    for (kind, schema) in [("recursive", others::recursive()), ("deep", others::deep())] {
        let record = others::named_by(others::registered(registry, &schema), next());
        letters.push(of("f11", kind, "unknown_schema", record));
    }
    for (kind, schema) in others::long_ones() {
        let record = others::named_by(others::registered(registry, &schema), next());
        letters.push(of("f13", kind, "unknown_schema", record));
    }
    for (kind, record) in others::not_whole_numbers(registry, &bases[20..]) {
        letters.push(of("f17", kind, PARKED, record));
    }
    letters.push(of(
        "f3",
        "guid_of_others",
        "unknown_schema",
        others::named_by_guid(next()),
    ));
    let mut at_the_limit = counter.record(next(), 3);
    if let Some(payload) = &mut at_the_limit.payload {
        payload.resize(DATUM_BYTES_MAX, 0);
    }
    letters.push(of(
        "f12",
        "as_long_as_may_be",
        "trailing_bytes",
        at_the_limit,
    ));
    letters.extend(contradicted(counter));
    letters
}

/// A letter that all readers of its topic set aside.
pub(super) fn of(
    row: &'static str,
    kind: &'static str,
    reason: &'static str,
    record: client::Record,
) -> Letter {
    let topic = record.topic.clone();
    let readers = GROUPS
        .iter()
        .filter(|(_, topics)| topics.contains(&topic.as_str()));
    Letter {
        row,
        by: readers.map(|(group, _)| *group).collect(),
        poison: Poison {
            kind,
            reason,
            record,
        },
        secret: None,
    }
}

/// One of every kind that the simulated shops know.
fn of_the_shops() -> Vec<Letter> {
    let mut random = StdRng::seed_from_u64(1);
    let bases = shop::purchases(1, 3, Poison::kinds());
    let letter = |(which, base): (usize, &Purchase)| {
        let poison = Poison::of(which, base, &mut random);
        let row = KINDS.iter().find(|(_, kinds)| kinds.contains(&poison.kind));
        let (row, _) = row.unwrap_or_else(|| panic!("{} is in no row", poison.kind));
        Letter {
            secret: Some(base.customer_id.clone()),
            ..of(row, poison.kind, poison.reason, poison.record)
        }
    };
    bases.iter().enumerate().map(letter).collect()
}

/// A record of a version that ends before each of its bytes.
fn cut_at_every_byte(counter: &Counter, version: u8) -> Vec<Letter> {
    let base = shop::purchases(10 + u64::from(version), version, 1);
    let whole = counter.record(&base[0], version);
    let payload = whole.payload.clone().unwrap_or_default();
    let cut = (0..payload.len()).map(|at| {
        let reason = match at {
            0 => "empty",
            1 => "bad_magic",
            _ => "truncated",
        };
        let record = client::Record {
            payload: Some(payload[..at].to_vec()),
            ..whole.clone()
        };
        of("f4", "cut_at_a_byte", reason, record)
    });
    cut.collect()
}

/// The same purchase with another content, behind it.
fn contradicted(counter: &Counter) -> Vec<Letter> {
    let bought = shop::purchases(30, 3, 3);
    counter.buy(&bought);
    let letter = |purchase: &Purchase| {
        let mut other = purchase.clone();
        other.instructions = Some("to somebody else".to_owned());
        let record = counter.record(&other, 3);
        Letter {
            by: NOT_TIMELINE.to_vec(),
            ..of("f20", "contradiction", "conflicting_duplicate", record)
        }
    };
    bought.iter().map(letter).collect()
}

/// All good ones.
pub(super) fn good(counter: &Counter, registry: &Registry) -> Vec<Good> {
    let completed = |row: &'static str, purchase: &Purchase, record: client::Record| Good {
        row,
        record,
        purchase_id: purchase.purchase_id.clone(),
        ends: "completed",
    };
    let mut bought = shop::purchases(40, 3, 7);
    bought[0].purchase_id = HOSTILE.to_owned();
    bought[0].customer_id = HOSTILE.to_owned();
    bought[1].instructions = Some("'); DROP TABLE payments; -- %s%n{}${jndi:x}".to_owned());
    bought[2].instructions = Some("\u{feff}\u{202e}gnaw\u{202c} forged=true".to_owned());
    let record = |which: usize| counter.record(&bought[which], 3);
    let mut all = vec![
        completed("f25", &bought[0], record(0)),
        completed("f25", &bought[1], record(1)),
        completed("f16", &bought[2], record(2)),
    ];
    let mut bare = record(3);
    bare.headers.clear();
    all.push(completed("f22", &bought[3], bare));
    let weighed = others::vouched_for(registry, &bought[6], f64::NAN);
    all.push(completed("f17", &bought[6], weighed));
    all.extend(cancelled_before(&bought[4], record(4)));
    all.push(completed("f20", &bought[5], record(5)));
    all.push(completed("f20", &bought[5], record(5)));
    all
}

/// A cancellation, and the purchase behind it.
fn cancelled_before(purchase: &Purchase, record: client::Record) -> [Good; 2] {
    let request = CancellationRequested {
        event_id: schemas::ids::derived(&purchase.purchase_id, "cancellation_requested:"),
        purchase_id: purchase.purchase_id.clone(),
        occurred_at: now(),
        causation_id: None,
        reason: "customer".to_owned(),
    };
    let request = Encoder::new().encode_event(&Event::CancellationRequested(request));
    [request.unwrap().into(), record].map(|record| Good {
        row: "f26",
        record,
        purchase_id: purchase.purchase_id.clone(),
        ends: "cancelled",
    })
}

/// A stock keeper's record.
pub(super) fn stock() -> client::Record {
    let received = StockReceived {
        event_id: "poison-stock".to_owned(),
        sku: "1".to_owned(),
        occurred_at: now(),
        causation_id: None,
        quantity: 1,
    };
    let event = Event::Fact(Fact::StockReceived(received));
    Encoder::new().encode_event(&event).unwrap().into()
}
