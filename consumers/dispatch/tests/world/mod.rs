//! A dispatch group in memory among models of the others: payment, inventory and a carrier that
//! react to facts as they are delivered, and a real SQLite with the group's migration, so that
//! every row that is decided on also passes the database's own checks.
#![allow(dead_code, reason = "each test uses its part of the world")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use codec::Codec;
use dispatch::{
    Deadlines, Dispatch, DispatchEvent, DispatchGroup,
    event::{Ask, Outcome},
};
use runtime::{
    Answer, Decision, Group, NewTask, NewTimer, Refusal,
    in_memory::{InMemory, stored_task, stored_timer},
    rows::Row,
    store::Cells,
};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        CancellationRequested, Channel, DeliveryTier, Line, PaymentAuthorised, PaymentDeclined,
        PaymentVoided, ReservationExpired, ReservedLine, StockRejected, StockReleased,
        StockReserved, Tender, TenderKind,
    },
};

pub(crate) const NOW: i64 = 1_700_000_000_000_000;
pub(crate) const ID: &str = "purchase-1";

pub(crate) fn purchase() -> Purchase {
    Purchase {
        event_id: "event-purchase".into(),
        purchase_id: ID.into(),
        customer_id: "customer".into(),
        occurred_at: NOW,
        currency: "EUR".into(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        lines: vec![Line {
            line_no: 1,
            item_id: 7,
            quantity: 1,
            unit_price_minor: 1000,
            tax_minor: 0,
            gift_wrap: false,
        }],
        shipping_minor: 0,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor: 1000,
            reference: None,
        }],
        instructions: None,
        written_version: 3,
    }
}

pub(crate) fn bought() -> DispatchEvent {
    DispatchEvent::Event(Event::Purchase(purchase()))
}

pub(crate) fn cancel_please(event_id: &str) -> DispatchEvent {
    cancel_please_at(event_id, NOW)
}

pub(crate) fn cancel_please_at(event_id: &str, occurred_at: i64) -> DispatchEvent {
    DispatchEvent::Event(Event::CancellationRequested(CancellationRequested {
        event_id: event_id.into(),
        purchase_id: ID.into(),
        occurred_at,
        causation_id: None,
        reason: "customer".into(),
    }))
}

fn stated(fact: impl Into<Fact>) -> DispatchEvent {
    DispatchEvent::Event(Event::Fact(fact.into()))
}

macro_rules! fact {
    ($name:ident, $id:literal $(, $field:ident : $value:expr)*) => {
        stated($name {
            event_id: $id.into(),
            purchase_id: ID.into(),
            occurred_at: NOW,
            causation_id: "cause".into(),
            $( $field: $value, )*
        })
    };
}

fn lines() -> Vec<ReservedLine> {
    let sku = "7".to_owned();
    vec![ReservedLine {
        line_no: 1,
        sku,
        quantity: 1,
    }]
}

pub(crate) fn authorised() -> DispatchEvent {
    fact!(PaymentAuthorised, "authorised", amount_minor: 1000, currency: "EUR".into(),
        provider_ref: "pi_1".into())
}

pub(crate) fn declined() -> DispatchEvent {
    fact!(PaymentDeclined, "declined", reason: "generic_decline".into())
}

pub(crate) fn voided(reason: &str) -> DispatchEvent {
    fact!(PaymentVoided, "voided", reason: reason.into())
}

pub(crate) fn reserved() -> DispatchEvent {
    fact!(StockReserved, "reserved", lines: lines(), expires_at: Some(NOW + 1))
}

pub(crate) fn firm() -> DispatchEvent {
    fact!(StockReserved, "firm", lines: lines(), expires_at: None)
}

pub(crate) fn rejected() -> DispatchEvent {
    fact!(StockRejected, "rejected", lines: lines())
}

pub(crate) fn expired() -> DispatchEvent {
    fact!(ReservationExpired, "expired")
}

pub(crate) fn released() -> DispatchEvent {
    fact!(StockReleased, "released", reason: "declined".into())
}

pub(crate) struct World {
    pub(crate) group: InMemory<DispatchGroup>,
    pub(crate) tasks: VecDeque<NewTask>,
    pub(crate) timers: BTreeMap<String, NewTimer>,
    /// Every fact ever stated, in order.
    pub(crate) facts: Vec<Fact>,
    pub(crate) asked: usize,
    pub(crate) answers: Vec<DispatchEvent>,
    database: rusqlite::Connection,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Deadlines::default())
    }

    /// A shop that takes nothing back.
    pub(crate) fn without_returns() -> Self {
        Self::with(Deadlines {
            return_window: std::time::Duration::ZERO,
            ..Deadlines::default()
        })
    }

    fn with(deadlines: Deadlines) -> Self {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        for migration in dispatch::MIGRATIONS {
            database.execute_batch(migration.sqlite).unwrap();
        }
        let codec = Arc::new(Codec::without_registry());
        Self {
            group: InMemory::new(DispatchGroup::new(codec, deadlines)),
            tasks: VecDeque::new(),
            timers: BTreeMap::new(),
            facts: vec![],
            asked: 0,
            answers: vec![],
            database,
        }
    }

    /// Applies an event, checks that a second delivery changes nothing, stores the row, and gives
    /// back the facts that follow.
    pub(crate) fn deliver(&mut self, event: &DispatchEvent) -> Result<Decision, Refusal> {
        let (decision, effects) = self.group.apply(event, NOW);
        for fact in effects.facts {
            let again = (self.facts.iter()).any(|known| known.event_id() == fact.event_id());
            assert!(!again, "{fact:?} was stated twice");
            self.facts.push(fact);
        }
        self.asked += effects.tasks.len();
        assert!(self.asked <= 1, "the carrier was asked twice");
        self.tasks.extend(effects.tasks);
        for timer in effects.timers {
            self.timers.insert(timer.timer_id.clone(), timer);
        }
        for timer_id in effects.cancelled_timers {
            self.timers.remove(&timer_id);
        }
        let row = self.row();
        let (second, nothing) = self.group.apply(event, NOW + 1);
        let unchanged = matches!(
            second,
            Ok(Decision::Duplicate | Decision::Ignored(_)) | Err(_)
        );
        assert!(unchanged, "{second:?} for a second delivery of {event:?}");
        assert!(nothing.facts.is_empty() && nothing.tasks.is_empty());
        assert_eq!(self.row(), row);
        self.store();
        decision
    }

    pub(crate) fn deliver_all(&mut self, events: impl IntoIterator<Item = DispatchEvent>) {
        for event in events {
            self.deliver(&event).unwrap();
        }
    }

    /// Lets the carrier answer, if it was asked.
    pub(crate) fn carrier_answers(&mut self, refuses: bool) {
        let Some(task) = self.tasks.pop_front() else {
            return;
        };
        let ask: Ask = serde_json::from_value(task.payload.clone()).unwrap();
        let outcome = if refuses {
            Outcome::Refused
        } else {
            Outcome::HandedOver {
                shipment_id: ask.shipment_id,
                carrier: "carrier".into(),
                tracking: "1".into(),
            }
        };
        let answer = Answer(serde_json::to_value(outcome).unwrap());
        let group = self.group.group();
        let event = group.answered(&stored_task(&task, NOW), &answer).unwrap();
        self.deliver(&event).unwrap();
        self.answers.push(event);
    }

    /// Lets a timer come due, if it is set.
    pub(crate) fn time_comes(&mut self, which: &str) -> Option<Decision> {
        let timer = self.timers.remove(&format!("{ID}:{which}"))?;
        let event = self.group.group().due(&stored_timer(&timer)).unwrap();
        Some(self.deliver(&event).unwrap())
    }

    pub(crate) fn row(&mut self) -> Option<Dispatch> {
        self.group.rows().dispatches.iter().next().cloned()
    }

    pub(crate) fn stated(&self, kind: &str) -> bool {
        self.facts.iter().any(|fact| fact.kind() == kind)
    }

    fn store(&mut self) {
        let Some(row) = self.row() else { return };
        let sql = Dispatch::TABLE.upsert().sqlite;
        let mut columns = Dispatch::TABLE.empty_columns();
        row.push(&mut columns);
        let values = columns.into_iter().map(|column| -> rusqlite::types::Value {
            match column {
                Cells::Text(cells) => cells[0].clone().into(),
                Cells::Long(cells) => cells[0].into(),
                Cells::Bytes(cells) => cells[0].clone().into(),
                Cells::Bool(cells) => cells[0].map(i64::from).into(),
            }
        });
        let mut statement = self.database.prepare_cached(&sql).unwrap();
        statement
            .execute(rusqlite::params_from_iter(values))
            .unwrap();
    }
}
