//! One shard: one part after the other of the purchases whose key belongs to it, with everything that
//! anybody says about them, and what became of every record of its partitions.

mod records;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    Group,
    baskets::Baskets,
    case::{Case, Place},
    kept::Kept,
    records::Records,
    stores::Books,
    topics::{self, Layout},
    witness::{Line, SetAsideRow, Witness},
};

/// What became of a record in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The group has not come to it yet.
    Unread,
    /// It was set aside, or skipped on an operator's word, for this reason.
    SetAside(String),
    /// It waits for a newer build.
    Parked,
    /// It was taken in.
    Read,
}

/// A stock keeper's event on the topic.
#[derive(Debug, Clone)]
pub(crate) struct KeeperEvent {
    pub(crate) at: Place,
    pub(crate) sku: String,
    pub(crate) change: i64,
    pub(crate) received: bool,
    pub(crate) occurred_at: i64,
}

/// A stock keeper's event as inventory has it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeptEvent {
    /// What it noted.
    pub(crate) noted: Option<i64>,
    /// What its movements add up to.
    pub(crate) moved: Option<i64>,
    /// When.
    pub(crate) applied_at: i64,
}

/// Records that a group has not come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unread {
    pub(crate) records: i64,
    /// When the broker had the oldest of them.
    pub(crate) since: i64,
}

/// A record that the auditor cannot read either.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    pub(crate) at: Place,
    pub(crate) why: String,
}

/// Everything about one shard.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) number: i32,
    /// The purchases of the part that is looked at.
    pub(crate) cases: BTreeMap<String, Case>,
    pub(crate) keeper_events: BTreeMap<String, KeeperEvent>,
    /// By event id.
    pub(crate) stock_events: BTreeMap<String, KeptEvent>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// Records that were published to be set aside, and what tells each.
    pub(crate) poisoned: Vec<(Place, u64)>,
    /// How many records stand between where a group began and where it is.
    pub(crate) held: BTreeMap<(Group, &'static str), i64>,
    /// What a group has not come to, of what was there before its database was read.
    pub(crate) unread: BTreeMap<(Group, &'static str), Unread>,
    /// Records seen, per topic.
    pub(crate) records: BTreeMap<&'static str, i64>,
    /// The last offset seen, per topic.
    pub(crate) last_seen: BTreeMap<&'static str, i64>,
    /// By offset; and whether the record was found to be the one on the topic.
    letters: HashMap<(Group, String, i64), (SetAsideRow, Option<bool>)>,
    parked: HashSet<(Group, String, i64)>,
    /// Windows as analytics has them: size, start, what is counted.
    pub(crate) windows: BTreeMap<(i64, i64, String), i64>,
    /// Items, pairs and customers as analytics has them.
    pub(crate) baskets: Baskets,
    /// Facts on a topic that is not theirs.
    pub(crate) misplaced: Vec<(String, String)>,
    /// The first record seen, per topic.
    first_seen: BTreeMap<&'static str, Place>,
}

impl Shard {
    /// A shard whose topics were read.
    pub(crate) fn new(number: i32, records: &Records) -> Self {
        let mut shard = Self {
            number,
            ..Self::default()
        };
        for topic in topics::ALL {
            let read = records.of(topic, number);
            shard.records.insert(topic, read.records);
            shard
                .first_seen
                .extend(read.first.map(|first| (topic, first)));
            shard.last_seen.extend(read.last.map(|last| (topic, last)));
        }
        shard
    }

    /// Takes in what a database or journal says.
    pub(crate) fn hear(&mut self, Line { subject, witness }: Line) {
        match witness {
            Witness::StockEvent {
                event_id,
                change,
                applied_at,
            } => {
                let kept = self.stock_events.entry(event_id).or_default();
                (kept.noted, kept.applied_at) = (Some(change), applied_at);
            }
            Witness::Movement(row) if row.is_of_keepers() => {
                let kept = self.stock_events.entry(row.cause).or_default();
                kept.moved = Some(kept.moved.unwrap_or_default() + row.on_hand);
            }
            Witness::Window {
                size,
                start,
                counts,
            } => {
                for (what, n) in counts {
                    *self.windows.entry((size, start, what)).or_default() += n;
                }
            }
            Witness::SetAside(row) if !row.topic.is_empty() => {
                let at = (row.group, row.topic.clone(), row.offset);
                self.letters.insert(at, (row, None));
            }
            Witness::Parked {
                group,
                topic,
                offset,
            } => {
                self.parked.insert((group, topic, offset));
            }
            witness @ (Witness::Item { .. } | Witness::Pair { .. } | Witness::Customers { .. }) => {
                self.baskets.hear(witness);
            }
            witness => self.cases.entry(subject).or_default().hear(witness),
        }
    }

    /// What became of a record in a group.
    pub(crate) fn standing(&self, group: Group, at: Place, books: &Books) -> Standing {
        let place = (group, at.topic.to_owned(), self.number);
        if (books.positions.get(&place)).is_none_or(|one| one.next_offset <= at.offset) {
            return Standing::Unread;
        }
        if let Some(why) = books.moves.skipping(&place, at.offset) {
            return Standing::SetAside(why);
        }
        if self.letters.is_empty() && self.parked.is_empty() {
            return Standing::Read;
        }
        let place = (group, place.1, at.offset);
        match self.letters.get(&place) {
            Some((letter, _)) if letter.state != "redriven" => {
                Standing::SetAside(letter.reason.clone())
            }
            _ if self.parked.contains(&place) => Standing::Parked,
            _ => Standing::Read,
        }
    }

    /// Whether a record was ever set aside by a group, redriven since or not.
    pub(crate) fn was_set_aside(&self, group: Group, at: Place) -> bool {
        let place = (group, at.topic.to_owned(), at.offset);
        self.letters.contains_key(&place) || self.parked.contains(&place)
    }

    /// The first offset of a topic that holds a record; 0 when none does.
    pub(crate) fn first_seen(&self, topic: &str) -> i64 {
        self.first_seen.get(topic).map_or(0, |first| first.offset)
    }

    /// What the topics still tell, once they are read.
    pub(crate) fn kept(&self, layout: &Layout) -> Kept {
        let mut kept = Kept::default();
        for topic in topics::ALL {
            if layout.of(topic, self.number).first > 0 {
                let oldest = self.first_seen.get(topic).map(|first| first.recorded_at);
                kept.only_since(topic, oldest);
            }
        }
        kept
    }

    /// All dead letters of records, and whether each is the record that it says it is; none when
    /// there is no record at its offset.
    pub(crate) fn letters(&self) -> impl Iterator<Item = (&SetAsideRow, Option<bool>)> {
        self.letters
            .values()
            .map(|(row, is_the_same)| (row, *is_the_same))
    }

    /// How many records of a topic wait for a newer build of a group.
    pub(crate) fn parked(&self, group: Group, topic: &str) -> i64 {
        let parked = self.parked.iter();
        let count = parked
            .filter(|(of, on, _)| *of == group && on == topic)
            .count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }
}
