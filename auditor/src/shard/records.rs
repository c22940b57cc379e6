//! Taking in the records of a part, those of a topic in their order: which purchase each is about, and
//! what became of it in every group.

use codec::Codec;
use runtime::{Record, Refusal, partitioner::partition_of};
use schemas::{Event, Fact, Purchase};

use super::{KeeperEvent, Shard, Unread, Unreadable};
use crate::{
    Group,
    case::{AGAIN_MAX, Contradiction, Place, Request},
    said::{self, Said},
    stores::Books,
    topics::{Layout, digest},
};

impl Shard {
    /// Takes in a record of a topic. `Err` says what is needed to read it and is away.
    pub(crate) fn take(
        &mut self,
        topic: &'static str,
        record: &Record,
        codec: &Codec,
        books: &Books,
        layout: &Layout,
    ) -> Result<(), String> {
        let at = Place {
            topic,
            offset: record.at.offset,
            recorded_at: record.timestamp_micros,
        };
        self.account(at, record, books);
        if at.offset < layout.of(topic, self.number).noted_end {
            self.wait(at, books);
        }
        if !books.poisons.is_empty() {
            let content = digest(&[record.key.as_deref(), record.payload.as_deref()]);
            if books.poisons.has(content) {
                self.poisoned.push((at, content));
            }
        }
        if let Some(key) = &record.key
            && partition_of(key, layout.shards()) != self.number
        {
            let why = "its key belongs to another partition".to_owned();
            self.unreadable.push(Unreadable { at, why });
            return Ok(());
        }
        let (event, said) = match codec.read_written(record) {
            Ok((event, written)) => {
                let said = Said::of(&event, record, &written);
                (event, said)
            }
            Err(Refusal::Wait { dependency, detail }) => {
                return Err(format!("{} needs {dependency}: {detail}", record.at));
            }
            Err(refusal) => {
                self.unreadable.push(Unreadable {
                    at,
                    why: refusal.to_string(),
                });
                return Ok(());
            }
        };
        match event {
            Event::Purchase(purchase) => self.bought(at, &purchase, &said, record),
            Event::CancellationRequested(request) => {
                let case = self.cases.entry(request.purchase_id).or_default();
                if case
                    .requests
                    .iter()
                    .any(|known| known.event_id == request.event_id)
                {
                    case.repeats += 1;
                } else {
                    case.requests.push(Request {
                        at,
                        event_id: request.event_id,
                        occurred_at: request.occurred_at,
                        says: said.entry(),
                    });
                }
            }
            Event::Fact(fact) => self.stated(at, &fact, &said, record),
        }
        Ok(())
    }

    /// Notes which groups have not come to a record.
    fn wait(&mut self, at: Place, books: &Books) {
        for group in Group::ALL.into_iter().filter(|group| group.reads(at.topic)) {
            let place = (group, at.topic.to_owned(), self.number);
            let position = books.positions.get(&place);
            if position.is_some_and(|one| one.next_offset > at.offset) {
                continue;
            }
            let unread = self.unread.entry((group, at.topic)).or_insert(Unread {
                records: 0,
                since: at.recorded_at,
            });
            unread.records += 1;
            unread.since = unread.since.min(at.recorded_at);
        }
    }

    fn account(&mut self, at: Place, record: &Record, books: &Books) {
        for group in Group::ALL {
            let place = (group, at.topic.to_owned(), self.number);
            let position = books.positions.get(&place);
            let is_passed = position
                .is_some_and(|one| (one.start_offset..one.next_offset).contains(&at.offset));
            if is_passed && books.moves.skipping(&place, at.offset).is_none() {
                *self.held.entry((group, at.topic)).or_default() += 1;
            }
            if self.letters.is_empty() {
                continue;
            }
            let letter = self.letters.get_mut(&(group, place.1, at.offset));
            if let Some((letter, is_the_same)) = letter {
                let content = digest(&[record.key.as_deref(), record.payload.as_deref()]);
                *is_the_same = Some(letter.content == content);
            }
        }
    }

    fn bought(&mut self, at: Place, purchase: &Purchase, said: &Said<'_>, record: &Record) {
        let hash = purchase.content_hash();
        let case = self.cases.entry(purchase.purchase_id.clone()).or_default();
        if !case.purchase_events.contains(&purchase.event_id) {
            case.purchase_events.push(purchase.event_id.clone());
        }
        if case.bought.is_some() && case.again.len() < AGAIN_MAX {
            (case.again).push(said::bought(at, purchase, hash.clone(), said.entry()));
        }
        match &case.bought {
            Some(bought) if bought.hash == hash => case.repeats += 1,
            Some(first) => {
                let entry_id = format!("{}#{hash}#{}", purchase.event_id, record.at);
                let says = said.conflict(purchase, &entry_id, (&hash, &first.hash));
                case.contradictions.push(Contradiction {
                    at,
                    occurred_at: purchase.occurred_at,
                    entry_id,
                    says,
                    hash,
                });
            }
            None => case.bought = Some(said::bought(at, purchase, hash, said.entry())),
        }
    }

    fn stated(&mut self, at: Place, fact: &Fact, said: &Said<'_>, record: &Record) {
        if fact.topic() != at.topic {
            let what = format!("{} on {}", fact.kind(), record.at);
            self.misplaced.push((fact.key().to_owned(), what));
        }
        let change = match fact {
            Fact::StockReceived(fact) => (true, fact.quantity),
            Fact::StockAdjusted(fact) => (false, fact.quantity_change),
            _ => return self.stated_of_purchase(at, fact, said, record),
        };
        let event = KeeperEvent {
            at,
            sku: fact.key().to_owned(),
            received: change.0,
            change: change.1,
            occurred_at: fact.occurred_at(),
        };
        let known = self.keeper_events.entry(fact.event_id().to_owned());
        known.or_insert(event);
    }

    fn stated_of_purchase(&mut self, at: Place, fact: &Fact, said: &Said<'_>, record: &Record) {
        let content = digest(&[record.key.as_deref(), record.payload.as_deref()]);
        let case = self.cases.entry(fact.key().to_owned()).or_default();
        let known = case
            .facts
            .iter()
            .find(|known| known.event_id == fact.event_id());
        match known {
            Some(known) if known.content == content => case.repeats += 1,
            Some(known) => {
                let what = format!(
                    "{} at {} differs from {}@{}",
                    known.kind, record.at, known.at.topic, known.at.offset
                );
                case.altered.push(what);
            }
            None => case
                .facts
                .push(said::stated(at, fact, content, said.entry())),
        }
    }
}
