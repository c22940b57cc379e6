//! What the runtime's own tables must say in every state that is committed: positions, journal,
//! epochs, watermarks, dead letters, parked records; against each other and against the topics.

use std::collections::BTreeSet;

use runtime::{
    Coordinates, Headers,
    bookkeeping::rows::{DeadLetter, Parked, Position},
    store::{Cells, Kind, MemoryStore},
};

use crate::{
    gates::ProcessId,
    groups,
    watch::{Seen, Stated, longs},
};

/// An entry of a journal, as far as it is looked at.
struct Entry {
    sequence: i64,
    event_id: String,
    topic: String,
    headers: Headers,
}

impl Seen {
    /// I8: positions only move on, and every record before them is accounted for.
    pub(crate) fn look_at_positions(
        &mut self,
        group: usize,
        store: &MemoryStore,
    ) -> Result<(), String> {
        for position in store
            .rows::<Position>()
            .map_err(|error| error.to_string())?
        {
            let at = (group, position.topic.clone(), position.partition);
            let before = self.positions.insert(at, position.next_offset);
            let place = format!("{}[{}]", position.topic, position.partition);
            holds!(
                before.is_none_or(|before| before <= position.next_offset),
                "I8: the position of {place} went back from {before:?}: {position:?}"
            );
            holds!(
                position.accounted() == position.next_offset - position.start_offset,
                "I8: {place} does not add up: {position:?}"
            );
        }
        Ok(())
    }

    /// I7, I8, I9: each event is stated once, because of something that the group has read by its
    /// positions; and what tells of a dead letter is there together with it.
    pub(crate) fn look_at_journal(
        &mut self,
        (group, number): ProcessId,
        store: &MemoryStore,
    ) -> Result<(), String> {
        let who = groups::NAMES[group];
        let sql = "SELECT shard, max(sequence) FROM journal GROUP BY shard";
        let ends = longs(store, sql, 2)?;
        for (shard, end) in ends[0].iter().zip(&ends[1]) {
            let known = self.journalled.insert((group, *shard), *end).unwrap_or(0);
            if known >= *end {
                continue;
            }
            for entry in entries(store, *shard, known)? {
                let Entry {
                    sequence,
                    event_id,
                    topic,
                    headers,
                } = entry;
                if topic.contains("dead-letters") {
                    has_its_letter(store, &event_id).map_err(|why| format!("I9: {who} {why}"))?;
                    self.count("dead letters");
                } else {
                    let cause = headers.text("ce_causationid").unwrap_or_default();
                    holds!(
                        self.is_read(group, cause),
                        "I8: {who} states {event_id} because of {cause}, which its position is before"
                    );
                    self.count(headers.text("ce_type").unwrap_or_default());
                }
                self.missing
                    .entry((group, *shard))
                    .or_default()
                    .insert(sequence);
                let stated = Stated {
                    shard: *shard,
                    sequence,
                    by: number,
                    has_arrived: false,
                };
                let before = self.events.insert((group, event_id.clone()), stated);
                holds!(
                    before.is_none(),
                    "I7: {who} states {event_id} twice, again at {sequence} of shard {shard}"
                );
            }
        }
        Ok(())
    }

    /// Whether the group's positions are behind an event, where it comes from a topic of its own.
    fn is_read(&self, group: usize, event_id: &str) -> bool {
        let Some((topic, partition, offset)) = self.places.get(event_id) else {
            // A shop's request that the group knows from elsewhere, or a fact of its own.
            return true;
        };
        if !groups::reads(group).contains(&topic.as_str()) {
            return true;
        }
        let position = self.positions.get(&(group, topic.clone(), *partition));
        position.is_some_and(|next| offset < next)
    }

    /// I1: epochs, numbers and watermarks never go back, and a watermark is behind no event that has
    /// not come to its topic.
    pub(crate) fn look_at_shards(
        &mut self,
        group: usize,
        store: &MemoryStore,
    ) -> Result<(), String> {
        let who = groups::NAMES[group];
        let sql = "SELECT shard, epoch, next_sequence, published_sequence FROM shards";
        let columns = longs(store, sql, 4)?;
        for (row, shard) in columns[0].iter().enumerate() {
            let now = [1, 2, 3].map(|column: usize| columns[column][row]);
            let before = self.shards.insert((group, *shard), now).unwrap_or_default();
            let is_ahead = before.iter().zip(&now).all(|(before, now)| before <= now);
            holds!(
                is_ahead,
                "I8: {who}, shard {shard}: epoch, next number and watermark went from {before:?} to {now:?}"
            );
            let missing = self.missing.get(&(group, *shard));
            let first = missing.and_then(|missing| missing.first()).copied();
            holds!(
                first.is_none_or(|first| now[2] < first),
                "I1: {who} counts {first:?} of shard {shard} as published, and it is not: {now:?}"
            );
        }
        Ok(())
    }

    /// I7, I8: what needs a newer reader waits for it, and nothing of its key overtakes it.
    pub(crate) fn look_at_parked(
        &self,
        (group, reader): (usize, u32),
        store: &MemoryStore,
    ) -> Result<(), String> {
        let who = groups::NAMES[group];
        let parked: Vec<Parked> = store.rows().map_err(|error| error.to_string())?;
        let letters: Vec<DeadLetter> = store.rows().map_err(|error| error.to_string())?;
        let waits = |at: &Coordinates| {
            parked.iter().any(|parked| {
                let (topic, partition) = (parked.topic.as_str(), parked.partition);
                (topic, partition, parked.record_offset) == (&*at.topic, at.partition, at.offset)
            })
        };
        // What nobody can read need not wait.
        let is_set_aside = |at: &Coordinates| {
            (letters.iter()).any(|letter| letter.dead_letter_id == at.to_string())
        };
        for ((of, topic, partition), next) in &self.positions {
            if *of != group {
                continue;
            }
            let most = usize::try_from(*next).unwrap_or_default();
            let mut keys = BTreeSet::new();
            for record in self.topics.read(topic, *partition, 0, most) {
                let needs = record.headers.text("ce_minreader").unwrap_or_default();
                let is_new = needs.parse().is_ok_and(|needs: u32| needs > reader);
                let is_behind = keys.contains(&record.key);
                let at = &record.at;
                holds!(
                    !(is_new || is_behind) || waits(at) || is_set_aside(at),
                    "I7: {who}: {at} does not wait for a newer reader: it needs {needs:?}, one \
                     before it on its key waits: {is_behind}"
                );
                if is_new && waits(at) {
                    keys.insert(record.key.clone());
                }
            }
        }
        Ok(())
    }
}

fn entries(store: &MemoryStore, shard: i64, behind: i64) -> Result<Vec<Entry>, String> {
    let sql = "SELECT sequence, event_id, topic, headers FROM journal \
               WHERE shard = ?1 AND sequence > ?2 ORDER BY sequence";
    let parameters = [Cells::longs([shard]), Cells::longs([behind])];
    let kinds = [Kind::Long, Kind::Text, Kind::Text, Kind::Bytes];
    let columns = store.query(sql, &parameters, &kinds);
    let columns = columns.map_err(|error| error.to_string())?;
    let [
        Cells::Long(numbers),
        Cells::Text(ids),
        Cells::Text(topics),
        Cells::Bytes(headers),
    ] = columns.as_slice()
    else {
        return Err("the journal does not fit".to_owned());
    };
    let rows = (0..numbers.len()).map(|row| Entry {
        sequence: numbers[row].unwrap_or_default(),
        event_id: ids[row].clone().unwrap_or_default(),
        topic: topics[row].clone().unwrap_or_default(),
        headers: Headers::from_bytes(headers[row].as_deref().unwrap_or_default()),
    });
    Ok(rows.collect())
}

fn has_its_letter(store: &MemoryStore, event_id: &str) -> Result<(), String> {
    let (letter, _) = event_id.rsplit_once(':').unwrap_or((event_id, ""));
    let sql = "SELECT count(*) FROM dead_letters WHERE dead_letter_id = ?1";
    let found = store.query(sql, &[Cells::texts([letter])], &[Kind::Long]);
    let found = found.map_err(|error| error.to_string())?;
    let is_there = matches!(found.as_slice(), [Cells::Long(count)] if count[..] == [Some(1)]);
    match is_there {
        true => Ok(()),
        false => Err(format!(
            "tells of {event_id}, and there is no such dead letter"
        )),
    }
}
