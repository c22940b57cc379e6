//! Everything that is known of one purchase: what stands on the topics about it, and what each
//! group, the provider and the publisher say. Checks take one of these at a time.

use std::collections::BTreeMap;

use crate::{
    group::Group,
    witness::{
        DispatchRow, IntentRow, LedgerEntryRow, MovementRow, PaymentRow, PostingRow, ProviderRow,
        PublishedRow, RefusedRow, SetAsideRow, TimelineEntryRow, TimelineRow, Witness,
    },
};

/// Where a record stands, and when the broker had it (microseconds; 0 when unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) topic: &'static str,
    pub(crate) offset: i64,
    pub(crate) recorded_at: i64,
}

/// The purchase itself, from the first record of it that can be read.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) at: Place,
    pub(crate) hash: String,
    pub(crate) currency: String,
    pub(crate) total_minor: i64,
    pub(crate) card_minor: i64,
    pub(crate) tax_minor: i64,
    pub(crate) shipping_minor: i64,
    pub(crate) occurred_at: i64,
    /// Units per SKU.
    pub(crate) wanted: BTreeMap<String, i64>,
    /// Item, units and price without tax, by item.
    pub(crate) basket: Vec<(i64, i64, i64)>,
    /// Its first different items in the order of its lines: those that are counted as pairs.
    pub(crate) paired: Vec<i64>,
    pub(crate) event_id: String,
    pub(crate) customer_id: String,
    /// The words of the schema.
    pub(crate) channel: Option<String>,
    pub(crate) delivery_tier: Option<String>,
    pub(crate) written_version: u8,
    /// See [`crate::said::entry`].
    pub(crate) says: u64,
}

/// How many later records of a purchase are kept in case a group has acted on one of them.
pub(crate) const AGAIN_MAX: usize = 16;

/// A later record of the purchase that says something else.
#[derive(Debug, Clone)]
pub(crate) struct Contradiction {
    pub(crate) at: Place,
    pub(crate) hash: String,
    pub(crate) occurred_at: i64,
    /// Its entry in the timeline, which cannot have the id of what it contradicts.
    pub(crate) entry_id: String,
    /// See [`crate::said::entry`].
    pub(crate) says: u64,
}

/// A request to cancel.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: Place,
    pub(crate) event_id: String,
    pub(crate) occurred_at: i64,
    /// See [`crate::said::entry`].
    pub(crate) says: u64,
}

/// A fact, from the first record of it.
#[derive(Debug, Clone)]
pub(crate) struct Stated {
    pub(crate) at: Place,
    pub(crate) kind: &'static str,
    pub(crate) event_id: String,
    pub(crate) cause: String,
    pub(crate) occurred_at: i64,
    /// See [`crate::topics::digest`].
    pub(crate) content: u64,
    /// Amount in minor units and currency, of facts that carry one.
    pub(crate) money: Option<(i64, String)>,
    /// The provider's reference or the shipment.
    pub(crate) reference: String,
    /// Units per SKU, of a reservation, or of what a rejected one fell short of.
    pub(crate) lines: BTreeMap<String, i64>,
    /// A bounded word, of facts that carry one.
    pub(crate) reason: String,
    /// The carrier and its number, of a hand-over.
    pub(crate) parcel: Option<Box<(String, String)>>,
    /// Ship-by and deliver-by, of a request.
    pub(crate) times: Option<(i64, i64)>,
    /// See [`crate::said::entry`].
    pub(crate) says: u64,
    /// Whether it came behind the noted ends. The topics are read one after the other: what it follows
    /// from may stand on one that was read before it was stated, and no snapshot need know of it. The
    /// next round judges it; what is older is judged by this one, and may follow from it.
    pub(crate) is_young: bool,
}

/// The name under which a reservation that lapses no more is kept apart from one that does.
pub(crate) const FIRM: &str = "StockReserved (firm)";

/// Something about a purchase that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    /// Whose it is to bring about.
    pub(crate) group: Group,
    /// In words.
    pub(crate) what: String,
    /// Since when, microseconds.
    pub(crate) since: i64,
}

/// A group that has not come to an end with a purchase.
#[derive(Debug, Clone)]
pub(crate) struct Standstill {
    pub(crate) group: Group,
    /// In words.
    pub(crate) stands: String,
    /// The groups whose word it waits for.
    pub(crate) waits_for: Vec<Group>,
}

/// What is known of one purchase.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) bought: Option<Bought>,
    /// Later records of it, whatever they say: at most [`AGAIN_MAX`].
    pub(crate) again: Vec<Bought>,
    /// Which of those a group acts on instead of the first, where it does.
    pub(crate) acting: BTreeMap<Group, usize>,
    pub(crate) contradictions: Vec<Contradiction>,
    /// Event ids of all purchase records.
    pub(crate) purchase_events: Vec<String>,
    pub(crate) requests: Vec<Request>,
    pub(crate) facts: Vec<Stated>,
    /// Records that said again what was known.
    pub(crate) repeats: i64,
    /// Facts that came again under the same id with another content.
    pub(crate) altered: Vec<String>,

    pub(crate) payment: Option<PaymentRow>,
    pub(crate) ledger_entries: Vec<LedgerEntryRow>,
    pub(crate) postings: Vec<PostingRow>,
    /// State, and content hash when the purchase is known.
    pub(crate) reservation: Option<(String, Option<String>)>,
    pub(crate) reservation_lines: BTreeMap<String, i64>,
    pub(crate) movements: Vec<MovementRow>,
    pub(crate) dispatch: Option<DispatchRow>,
    pub(crate) timeline: Option<TimelineRow>,
    pub(crate) timeline_entries: Vec<TimelineEntryRow>,
    /// Content hash, and what the other columns say.
    pub(crate) counted: Option<(Option<String>, u64)>,
    pub(crate) published: Vec<PublishedRow>,
    pub(crate) provider: Vec<ProviderRow>,
    pub(crate) intents: Vec<IntentRow>,
    /// Answers and timers that were set aside, and the tasks that say so.
    pub(crate) answers_set_aside: Vec<SetAsideRow>,
    pub(crate) refused: Vec<RefusedRow>,
    /// The word of the carrier's answer, as dispatch has it.
    pub(crate) carrier_said: Option<String>,

    /// What is still under way: who has not read what, or waits for what.
    pub(crate) open: Vec<Open>,
    /// Who stands still short of an end.
    pub(crate) unfinished: Vec<Standstill>,
    /// Groups that set something of it aside or parked it, and why.
    pub(crate) excused: BTreeMap<Group, String>,
    /// Whether records about it may be gone from their topics.
    pub(crate) has_gaps: bool,
    /// Groups that have not read all of it yet.
    pub(crate) unread: Vec<Group>,
}

impl Case {
    /// Takes in what a database or journal says about it.
    pub(crate) fn hear(&mut self, witness: Witness) {
        match witness {
            Witness::Payment(row) => self.payment = Some(row),
            Witness::LedgerEntry(row) => self.ledger_entries.push(row),
            Witness::Posting(row) => self.postings.push(row),
            Witness::Reservation { hash, state } => self.reservation = Some((state, hash)),
            Witness::ReservationLine { sku, quantity } => {
                *self.reservation_lines.entry(sku).or_default() += quantity;
            }
            Witness::Movement(row) => self.movements.push(row),
            Witness::Dispatch(row) => self.dispatch = Some(row),
            Witness::Timeline(row) => self.timeline = Some(row),
            Witness::TimelineEntry(row) => self.timeline_entries.push(row),
            Witness::Counted { hash, says } => self.counted = Some((hash, says)),
            Witness::Published(row) => self.published.push(row),
            Witness::Provider(row) => self.provider.push(row),
            Witness::Intent(row) => self.intents.push(row),
            Witness::SetAside(row) => self.answers_set_aside.push(row),
            Witness::Refused(row) => self.refused.push(row),
            Witness::CarrierSaid(word) => self.carrier_said = Some(word),
            Witness::Waiting { group, what, since } => {
                self.open(group, since, format!("{group} waits for {what}"));
            }
            // About no purchase: the shard keeps them.
            Witness::StockEvent { .. }
            | Witness::Moved { .. }
            | Witness::Rejected { .. }
            | Witness::Window { .. }
            | Witness::Item { .. }
            | Witness::Pair { .. }
            | Witness::Customers { .. }
            | Witness::Parked { .. } => {}
        }
    }

    /// Notes something that is under way.
    pub(crate) fn open(&mut self, group: Group, since: i64, what: String) {
        self.open.push(Open { group, what, since });
    }

    /// The record that a group acts on: the first, unless it had set that one aside.
    pub(crate) fn bought_by(&self, group: Group) -> Option<&Bought> {
        match self.acting.get(&group) {
            Some(index) => self.again.get(*index),
            None => self.bought.as_ref(),
        }
    }

    /// Whether a group acts on a record that says something else than the first.
    pub(crate) fn acts_otherwise(&self, group: Group) -> bool {
        let first = self.bought.as_ref().map(|bought| &bought.hash);
        self.bought_by(group).map(|bought| &bought.hash) != first
    }

    /// The fact of a kind that was stated first.
    pub(crate) fn fact(&self, kind: &str) -> Option<&Stated> {
        self.facts.iter().find(|fact| fact.kind == kind)
    }

    /// Whether everything about it has come to rest, so that all witnesses must agree.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_empty() && self.unfinished.is_empty()
    }

    /// Whether a group has taken in everything that stands on its topics about the purchase.
    pub(crate) fn was_read_by(&self, group: Group) -> bool {
        !self.unread.contains(&group) && !self.excused.contains_key(&group)
    }

    /// Whether what a group keeps is of exactly those records that stand on the topics: it has read
    /// all of them, whoever else has not, and nothing that it stated is younger than its snapshot or
    /// not published yet.
    pub(crate) fn is_at_rest_in(&self, group: Group) -> bool {
        let mut open = self.open.iter();
        self.was_read_by(group) && open.all(|open| open.group != group)
    }

    /// The facts of which everything that led to them must be known.
    pub(crate) fn old_facts(&self) -> impl Iterator<Item = &Stated> {
        self.facts.iter().filter(|fact| !fact.is_young)
    }

    /// Whether the customer has sent the goods back: dispatch says so, and cancelled it after the
    /// hand-over because somebody had asked. Both lie on one partition, whose order no clock can turn.
    pub(crate) fn is_return(&self) -> bool {
        let (Some(handed_over), Some(cancelled)) = (
            self.fact("ShipmentHandedOver"),
            self.fact("PurchaseCancelled"),
        ) else {
            return false;
        };
        let mut requests = self.requests.iter();
        self.dispatch
            .as_ref()
            .is_some_and(|row| row.state == "returned")
            && cancelled.at.offset >= handed_over.at.offset
            && requests.any(|request| request.event_id == cancelled.cause)
    }

    /// Whether dispatch cancelled it on the carrier's word.
    pub(crate) fn is_refused_by_carrier(&self) -> bool {
        let row = self.dispatch.as_ref();
        row.and_then(|row| row.cancel_reason.as_deref()) == Some("carrier_refused")
    }

    /// What the provider did of a kind.
    pub(crate) fn provided(&self, kind: &str) -> impl Iterator<Item = &ProviderRow> {
        self.provider.iter().filter(move |row| row.kind == kind)
    }

    /// Since when somebody has owed it an end: from the first record about it; from the request to
    /// send it back, where it had been delivered and paid for by then.
    pub(crate) fn begun(&self) -> i64 {
        let rows = [
            self.payment.as_ref().map(|row| row.created_at),
            self.dispatch.as_ref().map(|row| row.created_at),
        ];
        let first = self.since().or(rows.into_iter().flatten().min());
        let ends = ["PaymentCaptured", "CaptureFailed"];
        let is_paid = ends.iter().any(|kind| self.fact(kind).is_some());
        let Some(handed_over) = self.fact("ShipmentHandedOver").filter(|_| is_paid) else {
            return first.unwrap_or_default();
        };
        let asked = self.requests.iter().map(|request| request.at.recorded_at);
        let to_send_back = asked.filter(|at| *at > handed_over.at.recorded_at).min();
        to_send_back.or(first).unwrap_or_default()
    }

    /// When the broker had the first record about it.
    pub(crate) fn since(&self) -> Option<i64> {
        let purchase = self.bought.iter().map(|bought| bought.at);
        let requests = self.requests.iter().map(|request| request.at);
        let facts = self.facts.iter().map(|fact| fact.at);
        let places = purchase.chain(requests).chain(facts);
        places.map(|at| at.recorded_at).filter(|&at| at > 0).min()
    }
}
