//! What the groups have told, once a run is over: journals and topics, dead letters and what they were
//! made of.

use std::collections::BTreeMap;

use runtime::{
    Record,
    bookkeeping::rows::{DeadLetter, JournalEntry, Position},
};
use simulator::action::Deed;

use crate::{groups, verdict::rows, world::World};

/// So often a dead letter that comes back each time is tried again.
const REDRIVES_MAX: i64 = 3;
/// A count of stock that finds less than is promised: whether it does depends on the order.
const BY_ORDER: &str = "adjustment_below_reserved";

/// Poison and contradictions are set aside by every group that reads them, and nothing else is; each
/// from one place, for one reason, and told of on the group's topic (I9).
pub(crate) fn dead_letters(world: &World) -> Result<(), String> {
    for (group, name) in groups::NAMES.iter().enumerate() {
        let expected = expected(world, group);
        let letters: Vec<DeadLetter> = rows(world, group)?;
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for letter in &letters {
            *found.entry(letter.reason.clone()).or_default() += 1;
            is_whole(world, group, letter).map_err(|why| format!("I9: {name}: {why}"))?;
        }
        found.remove(BY_ORDER);
        // A repeated contradiction or poison is another letter.
        let may_be_more = world.counts.contains_key("records repeated");
        let is_right = match may_be_more {
            true => expected
                .iter()
                .all(|(reason, count)| found.get(reason) >= Some(count)),
            false => found == expected,
        };
        let is_known = found.keys().all(|reason| expected.contains_key(reason));
        holds!(
            is_right && is_known,
            "I9: {name} set aside {found:?}, not {expected:?}"
        );
        accounts(world, group, &letters).map_err(|why| format!("I8: {name}: {why}"))?;
    }
    Ok(())
}

/// How many of which reason were to be set aside.
fn expected(world: &World, group: usize) -> BTreeMap<String, usize> {
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    if group != groups::TIMELINE && world.plan.conflicts() > 0 {
        // The timeline shows a contradiction as an entry of its own.
        expected.insert("conflicting_duplicate".to_owned(), world.plan.conflicts());
    }
    for deed in &world.plan.deeds {
        if let Deed::Poison(poison) = deed
            && groups::reads(group).contains(&poison.record.topic.as_str())
        {
            *expected.entry(poison.reason.to_owned()).or_default() += 1;
        }
    }
    let mismatches = world.outside.disputed();
    if group == groups::PAYMENT && mismatches > 0 {
        expected.insert("provider_mismatch".to_owned(), mismatches);
    }
    expected
}

/// A letter holds what it was made of, came back as often as it was redriven, and was told of.
fn is_whole(world: &World, group: usize, letter: &DeadLetter) -> Result<(), String> {
    let at = letter.dead_letter_id.as_str();
    let topics = &world.around.topics;
    if !letter.topic.is_empty() {
        let source = topics.read(&letter.topic, letter.partition, letter.record_offset, 1);
        let is_its =
            |source: &Record| source.payload == letter.payload && source.key == letter.record_key;
        holds!(
            source.first().is_some_and(|source| is_its(source)),
            "set aside {at}, and there is something else"
        );
        let asked = world.redrives.get(&(group, at.to_owned()));
        let asked = asked.copied().unwrap_or_default();
        let is_counted = match letter.state.as_str() {
            "set_aside" => letter.redrives == asked.min(REDRIVES_MAX),
            "redriven" => letter.redrives < asked,
            _ => false,
        };
        holds!(is_counted, "{at} is redriven {asked} times: {letter:?}");
    }
    let seen = world.around.watch.seen();
    for redrive in 0..=letter.redrives {
        let told = format!("{at}:{redrive}");
        holds!(
            seen.events.contains_key(&(group, told.clone())),
            "set aside {at} and does not tell of {told}"
        );
    }
    Ok(())
}

/// What positions count as set aside is there as dead letters.
fn accounts(world: &World, group: usize, letters: &[DeadLetter]) -> Result<(), String> {
    for position in rows::<Position>(world, group)? {
        let (topic, partition) = (&position.topic, position.partition);
        let of_place =
            |letter: &&DeadLetter| letter.topic == *topic && letter.partition == partition;
        let count = letters.iter().filter(of_place).count();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        // What was parked first was counted as parked.
        let parked = position.parked;
        holds!(
            (position.set_aside..=position.set_aside + parked).contains(&count),
            "{count} dead letters from {topic}[{partition}], and {position:?}"
        );
    }
    Ok(())
}

/// What is in a group's journal is in its topics, in order per shard, and nothing else is (I1).
pub(crate) fn published(world: &World, group: usize) -> Result<(), String> {
    let name = groups::NAMES[group];
    let journal: Vec<JournalEntry> = rows(world, group)?;
    let (topics, mut of_place) = (&world.around.topics, BTreeMap::new());
    for entry in &journal {
        let partition = topics.partition_of(Some(&entry.record_key));
        // A dead letter without a key is told of on another partition than that of its shard.
        let place = (entry.topic.as_str(), partition, entry.shard);
        of_place.entry(place).or_insert_with(Vec::new).push(entry);
    }
    for ((topic, partition, shard), entries) in of_place {
        let mut first_seen = BTreeMap::new();
        for record in topics.read(topic, partition, 0, usize::MAX) {
            first_seen.entry(name_of(&record)).or_insert(record);
        }
        let mut last = -1;
        for entry in entries {
            let id = &entry.event_id;
            let record = match first_seen.get(id) {
                Some(record) => record,
                // The topic's record of an answer that was set aside does not name its task.
                None if id.starts_with("task:") => continue,
                None => {
                    return Err(format!(
                        "I1: {name} has {id} in its journal and not in {topic}"
                    ));
                }
            };
            holds!(
                record.payload == entry.payload,
                "I1: {id} of {name} is another in {topic}[{partition}]"
            );
            let refused = world.refused.get(&(group, i64::from(shard)));
            if refused.is_some_and(|first| entry.sequence >= *first) {
                continue;
            }
            holds!(
                record.at.offset > last,
                "I7: {id} of {name} overtook in {topic}[{partition}]"
            );
            last = record.at.offset;
        }
    }
    Ok(())
}

/// The id of the event that a record is: of a dead letter, by where it came from.
fn name_of(record: &Record) -> String {
    let text = |name: &str| record.headers.text(name).unwrap_or_default();
    match record.at.topic.contains("dead-letters") {
        true => format!(
            "{}[{}]@{}:{}",
            text("dlq.original.topic"),
            text("dlq.original.partition"),
            text("dlq.original.offset"),
            text("dlq.redrive.count")
        ),
        false => text("ce_id").to_owned(),
    }
}
