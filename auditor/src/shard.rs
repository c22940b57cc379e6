//! One shard in memory: the purchases whose key belongs to it, with everything that anybody says
//! about them, and what became of every record of its partitions.

use std::collections::{BTreeMap, HashMap, HashSet};

use codec::Codec;
use runtime::{Record, Refusal};
use schemas::{Event, Fact, Purchase, domain::TenderKind};

use crate::{
    Group,
    case::{Bought, Case, Contradiction, FIRM, Place, Request, Stated},
    partitioner::partition_of,
    stores::Books,
    topics::digest,
    witness::{Line, SetAsideRow, Witness},
};

/// What became of a record in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The group has not come to it yet.
    Unread,
    /// It was set aside, for this reason.
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
    pub(crate) cases: BTreeMap<String, Case>,
    pub(crate) keeper_events: BTreeMap<String, KeeperEvent>,
    /// By event id: what inventory noted, and what its movements add up to.
    pub(crate) stock_events: BTreeMap<String, (Option<i64>, Option<i64>)>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// How many records stand between where a group began and where it is.
    pub(crate) held: BTreeMap<(Group, &'static str), i64>,
    /// Records seen, per topic.
    pub(crate) records: BTreeMap<&'static str, i64>,
    /// The last offset seen, per topic.
    pub(crate) last_seen: BTreeMap<&'static str, i64>,
    /// By offset; and whether the record was found to be the one on the topic.
    letters: HashMap<(Group, String, i64), (SetAsideRow, Option<bool>)>,
    parked: HashSet<(Group, String, i64)>,
    /// Windows as analytics has them: size, start, what is counted.
    pub(crate) windows: BTreeMap<(i64, i64, String), i64>,
    /// Facts on a topic that is not theirs.
    pub(crate) misplaced: Vec<(String, String)>,
    /// Purchases that stand on this partition and whose key belongs to another.
    pub(crate) foreign: Vec<String>,
    first_seen: BTreeMap<&'static str, i64>,
}

impl Shard {
    pub(crate) fn new(number: i32) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// Takes in what a database or journal says.
    pub(crate) fn hear(&mut self, Line { subject, witness }: Line) {
        match witness {
            Witness::StockEvent { event_id, change } => {
                self.stock_events.entry(event_id).or_default().0 = Some(change);
                return;
            }
            Witness::Movement(row) if row.kind == "received" || row.kind == "adjusted" => {
                let noted = self.stock_events.entry(row.cause).or_default();
                noted.1 = Some(noted.1.unwrap_or_default() + row.on_hand);
                return;
            }
            Witness::Window {
                size,
                start,
                counts,
            } => {
                for (what, n) in counts {
                    *self.windows.entry((size, start, what)).or_default() += n;
                }
                return;
            }
            Witness::SetAside(row) if !row.topic.is_empty() => {
                let at = (row.group, row.topic.clone(), row.offset);
                self.letters.insert(at, (row, None));
                return;
            }
            Witness::Parked {
                group,
                topic,
                offset,
            } => {
                self.parked.insert((group, topic, offset));
                return;
            }
            _ => {}
        }
        let case = self.cases.entry(subject).or_default();
        match witness {
            Witness::Payment(row) => case.payment = Some(row),
            Witness::LedgerEntry { kind } => case.ledger_entries.push(kind),
            Witness::Posting(row) => case.postings.push(row),
            Witness::Reservation { hash, state } => case.reservation = Some((state, hash)),
            Witness::ReservationLine { sku, quantity } => {
                *case.reservation_lines.entry(sku).or_default() += quantity;
            }
            Witness::Movement(row) => case.movements.push(row),
            Witness::Dispatch(row) => case.dispatch = Some(row),
            Witness::Timeline(row) => case.timeline = Some(row),
            Witness::TimelineEntry(row) => case.timeline_entries.push(row),
            Witness::Counted { hash, seen } => case.counted = Some((hash, seen)),
            Witness::Published(row) => case.published.push(row),
            Witness::Provider(row) => case.provider.push(row),
            Witness::Intent(row) => case.intents.push(row),
            Witness::Waiting { group, what, since } => {
                case.open
                    .push(format!("{group} waits for {what} since {since}"));
            }
            // An answer or a timer that was refused.
            Witness::SetAside(row) => {
                case.excused.insert(row.group, row.reason);
            }
            Witness::StockEvent { .. } | Witness::Window { .. } | Witness::Parked { .. } => {}
        }
    }

    /// Takes in a record of a topic. `Err` says what is needed to read it and is away.
    pub(crate) fn take(
        &mut self,
        topic: &'static str,
        record: &Record,
        codec: &Codec,
        books: &Books,
    ) -> Result<(), String> {
        let at = Place {
            topic,
            offset: record.at.offset,
            recorded_at: record.timestamp_micros,
        };
        *self.records.entry(topic).or_default() += 1;
        self.first_seen.entry(topic).or_insert(at.offset);
        self.last_seen.insert(topic, at.offset);
        self.account(at, record, books);
        match codec.read(record) {
            Ok(Event::Purchase(purchase)) => self.bought(at, &purchase),
            Ok(Event::CancellationRequested(request)) => {
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
                    });
                }
            }
            Ok(Event::Fact(fact)) => self.stated(at, &fact, record),
            Err(Refusal::Wait { dependency, detail }) => {
                return Err(format!("{} needs {dependency}: {detail}", record.at));
            }
            Err(refusal) => self.unreadable.push(Unreadable {
                at,
                why: refusal.to_string(),
            }),
        }
        Ok(())
    }

    fn account(&mut self, at: Place, record: &Record, books: &Books) {
        for group in Group::ALL {
            let place = (group, at.topic.to_owned(), self.number);
            let position = books.positions.get(&place);
            if position.is_some_and(|one| (one.start_offset..one.next_offset).contains(&at.offset))
            {
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

    fn bought(&mut self, at: Place, purchase: &Purchase) {
        let hash = purchase.content_hash();
        let case = self.cases.entry(purchase.purchase_id.clone()).or_default();
        if !case.purchase_events.contains(&purchase.event_id) {
            case.purchase_events.push(purchase.event_id.clone());
        }
        match &case.bought {
            Some(bought) if bought.hash == hash => case.repeats += 1,
            Some(_) => case.contradictions.push(Contradiction { at, hash }),
            None => case.bought = Some(bought(at, purchase, hash)),
        }
    }

    fn stated(&mut self, at: Place, fact: &Fact, record: &Record) {
        if fact.topic() != at.topic {
            let what = format!("{} on {}", fact.kind(), record.at);
            self.misplaced.push((fact.key().to_owned(), what));
        }
        let change = match fact {
            Fact::StockReceived(fact) => (true, fact.quantity),
            Fact::StockAdjusted(fact) => (false, fact.quantity_change),
            _ => return self.stated_of_purchase(at, fact, record),
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

    fn stated_of_purchase(&mut self, at: Place, fact: &Fact, record: &Record) {
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
            None => case.facts.push(stated(at, fact, content)),
        }
    }

    /// What became of a record in a group.
    pub(crate) fn standing(&self, group: Group, at: Place, books: &Books) -> Standing {
        let place = (group, at.topic.to_owned(), self.number);
        if (books.positions.get(&place)).is_none_or(|one| one.next_offset <= at.offset) {
            return Standing::Unread;
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
        self.first_seen.get(topic).copied().unwrap_or_default()
    }

    /// Finds the purchases that a foreign producer put on a partition of its own choice: their
    /// facts go elsewhere, and have no order with them.
    pub(crate) fn find_foreign(&mut self, partitions: i32) {
        let bought = self.cases.iter().filter(|(_, case)| case.bought.is_some());
        let foreign =
            bought.filter(|(id, _)| partition_of(id.as_bytes(), partitions) != self.number);
        self.foreign = foreign.map(|(id, _)| id.clone()).collect();
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

fn bought(at: Place, purchase: &Purchase, hash: String) -> Bought {
    let cards = (purchase.tenders.iter()).filter(|tender| tender.kind == TenderKind::Card);
    let mut wanted = BTreeMap::new();
    for line in &purchase.lines {
        *wanted.entry(line.item_id.to_string()).or_default() += i64::from(line.quantity);
    }
    Bought {
        at,
        hash,
        currency: purchase.currency.clone(),
        total_minor: purchase.total_minor(),
        card_minor: cards.map(|tender| tender.amount_minor).sum(),
        tax_minor: purchase.tax_minor(),
        shipping_minor: purchase.shipping_minor,
        occurred_at: purchase.occurred_at,
        wanted,
    }
}

fn stated(at: Place, fact: &Fact, content: u64) -> Stated {
    let mut kind = fact.kind();
    let (mut money, mut reference, mut lines) = (None, String::new(), BTreeMap::new());
    match fact {
        Fact::PaymentAuthorised(fact) => {
            money = Some((fact.amount_minor, fact.currency.clone()));
            reference.clone_from(&fact.provider_ref);
        }
        Fact::PaymentCaptured(fact) => {
            money = Some((fact.amount_minor, fact.currency.clone()));
            reference.clone_from(&fact.provider_ref);
        }
        Fact::PaymentRefunded(fact) => {
            money = Some((fact.amount_minor, fact.currency.clone()));
            reference.clone_from(&fact.provider_ref);
        }
        Fact::ShipmentRequested(fact) => reference.clone_from(&fact.shipment_id),
        Fact::ShipmentHandedOver(fact) => reference.clone_from(&fact.shipment_id),
        Fact::StockCommitted(fact) => reference.clone_from(&fact.shipment_id),
        Fact::StockReserved(fact) => {
            if fact.expires_at.is_none() {
                kind = FIRM;
            }
            for line in &fact.lines {
                *lines.entry(line.sku.clone()).or_default() += i64::from(line.quantity);
            }
        }
        _ => {}
    }
    Stated {
        at,
        kind,
        event_id: fact.event_id().to_owned(),
        cause: fact.causation_id().unwrap_or_default().to_owned(),
        occurred_at: fact.occurred_at(),
        content,
        money,
        reference,
        lines,
    }
}
