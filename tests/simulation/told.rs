//! What the groups have told, once a run is over: journals and topics, dead letters and what they were
//! made of.

use std::collections::BTreeMap;

use runtime::{
    Record,
    bookkeeping::rows::{DeadLetter, JournalEntry},
};
use simulator::action::Deed;

use crate::{groups, verdict::rows, world::World};

/// Poison and contradictions are set aside by every group that reads them, and nothing else is; each
/// from one place, for one reason, and told of on the group's topic (I9).
pub(crate) fn dead_letters(world: &World) -> Result<(), String> {
    for (group, name) in groups::NAMES.iter().enumerate() {
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
        let letters: Vec<DeadLetter> = rows(world, group)?;
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for letter in &letters {
            let at = letter.dead_letter_id.as_str();
            *found.entry(letter.reason.clone()).or_default() += 1;
            let topics = &world.around.topics;
            let source = topics.read(&letter.topic, letter.partition, letter.record_offset, 1);
            let is_its = |source: &Record| {
                source.payload == letter.payload && source.key == letter.record_key
            };
            let is_whole = source.first().is_some_and(|source| is_its(source));
            holds!(
                is_whole,
                "I9: {name} set aside {at}, and there is something else"
            );
            let told = format!("{at}:{}", letter.redrives);
            let is_told = world
                .around
                .watch
                .seen()
                .events
                .contains_key(&(group, told.clone()));
            holds!(
                is_told,
                "I9: {name} set aside {at} and does not tell of {told}"
            );
        }
        if world.counts.contains_key("records repeated") {
            // A repeated contradiction or poison is another letter.
            let too_few = expected
                .iter()
                .find(|(reason, count)| found.get(*reason) < Some(count));
            holds!(
                too_few.is_none(),
                "I9: {name} set aside {found:?}, not {expected:?}"
            );
        } else {
            holds!(
                found == expected,
                "I9: {name} set aside {found:?}, not {expected:?}"
            );
        }
    }
    Ok(())
}

/// What is in a group's journal is in its topics, in order per shard, and nothing else is (I1).
pub(crate) fn published(world: &World, group: usize) -> Result<(), String> {
    let name = groups::NAMES[group];
    let journal: Vec<JournalEntry> = rows(world, group)?;
    let (topics, mut of_place) = (&world.around.topics, BTreeMap::new());
    for entry in journal
        .iter()
        .filter(|entry| !entry.topic.contains("dead-letters"))
    {
        let partition = topics.partition_of(Some(&entry.record_key));
        let place = (entry.topic.as_str(), partition);
        of_place.entry(place).or_insert_with(Vec::new).push(entry);
    }
    for ((topic, partition), entries) in of_place {
        let mut first_seen = BTreeMap::new();
        for record in topics.read(topic, partition, 0, usize::MAX) {
            let payload = record.payload.clone();
            first_seen.entry(payload).or_insert(record.at.offset);
        }
        let mut last = -1;
        for entry in entries {
            let id = &entry.event_id;
            let Some(at) = first_seen.get(&entry.payload) else {
                return Err(format!(
                    "I1: {name} has {id} in its journal and not in {topic}"
                ));
            };
            let is_in_order = world.refused || *at > last;
            holds!(
                is_in_order,
                "I7: {id} of {name} overtook in {topic}[{partition}]"
            );
            last = *at;
        }
    }
    Ok(())
}
