//! Everything that is known of one purchase: what stands on the topics about it, and what each
//! group, the provider and the publisher say. Checks take one of these at a time.

use std::collections::BTreeMap;

use crate::{
    group::Group,
    witness::{
        DispatchRow, IntentRow, MovementRow, PaymentRow, PostingRow, ProviderRow, PublishedRow,
        TimelineEntryRow, TimelineRow,
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
}

/// A later record of the purchase that says something else.
#[derive(Debug, Clone)]
pub(crate) struct Contradiction {
    pub(crate) at: Place,
    pub(crate) hash: String,
}

/// A request to cancel.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: Place,
    pub(crate) event_id: String,
    pub(crate) occurred_at: i64,
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
    /// Units per SKU, of a reservation.
    pub(crate) lines: BTreeMap<String, i64>,
}

/// The name under which a reservation that lapses no more is kept apart from one that does.
pub(crate) const FIRM: &str = "StockReserved (firm)";

/// What is known of one purchase.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) bought: Option<Bought>,
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
    pub(crate) ledger_entries: Vec<String>,
    pub(crate) postings: Vec<PostingRow>,
    /// State, and content hash when the purchase is known.
    pub(crate) reservation: Option<(String, Option<String>)>,
    pub(crate) reservation_lines: BTreeMap<String, i64>,
    pub(crate) movements: Vec<MovementRow>,
    pub(crate) dispatch: Option<DispatchRow>,
    pub(crate) timeline: Option<TimelineRow>,
    pub(crate) timeline_entries: Vec<TimelineEntryRow>,
    /// Content hash, and how many facts were counted.
    pub(crate) counted: Option<(Option<String>, usize)>,
    pub(crate) published: Vec<PublishedRow>,
    pub(crate) provider: Vec<ProviderRow>,
    pub(crate) intents: Vec<IntentRow>,

    /// What is still under way: who has not read what, or waits for what.
    pub(crate) open: Vec<String>,
    /// Where it stands, when that is not an end.
    pub(crate) unfinished: Option<String>,
    /// Groups that set something of it aside or parked it, and why.
    pub(crate) excused: BTreeMap<Group, String>,
    /// Groups that have not read all of it yet.
    pub(crate) unread: Vec<Group>,
}

impl Case {
    /// The fact of a kind that was stated first.
    pub(crate) fn fact(&self, kind: &str) -> Option<&Stated> {
        self.facts.iter().find(|fact| fact.kind == kind)
    }

    /// Whether everything about it has come to rest, so that all witnesses must agree.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_empty() && self.unfinished.is_none()
    }

    /// Whether a group has taken in everything that stands on its topics about the purchase.
    pub(crate) fn was_read_by(&self, group: Group) -> bool {
        !self.unread.contains(&group) && !self.excused.contains_key(&group)
    }

    /// What the provider did of a kind.
    pub(crate) fn provided(&self, kind: &str) -> impl Iterator<Item = &ProviderRow> {
        self.provider.iter().filter(move |row| row.kind == kind)
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
