//! A payment group in memory, a provider that answers when it is told to, and a real SQLite with
//! the group's migration behind them, so that every row that is decided on also passes the
//! database's own checks.
#![allow(dead_code, reason = "each test uses its part of the world")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use codec::Codec;
use payment::{
    Payment, PaymentEvent, PaymentGroup,
    event::{Ask, Call, Outcome, Said},
};
use runtime::{
    Answer, Decision, Effects, Group, NewTask, Refusal,
    in_memory::{InMemory, stored_task},
    rows::Row,
    store::Cells,
};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        Channel, DeliveryTier, Line, PurchaseCancelled, ReservedLine, ShipmentHandedOver,
        StockRejected, Tender, TenderKind,
    },
};

pub(crate) const NOW: i64 = 1_700_000_000_000_000;
pub(crate) const ID: &str = "purchase-1";

/// A purchase of 1000, of which `card_minor` is paid by card.
pub(crate) fn purchase(card_minor: i64) -> Purchase {
    let tender = |kind, amount_minor, reference: Option<&str>| Tender {
        kind,
        amount_minor,
        reference: reference.map(str::to_owned),
    };
    let mut tenders = vec![];
    if card_minor > 0 {
        tenders.push(tender(TenderKind::Card, card_minor, Some("pm_card_visa")));
    }
    if card_minor < 1000 {
        tenders.push(tender(TenderKind::GiftCard, 1000 - card_minor, None));
    }
    Purchase {
        event_id: "event-purchase".into(),
        purchase_id: ID.into(),
        customer_id: "customer".into(),
        occurred_at: NOW,
        currency: "EUR".into(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::Standard,
        lines: vec![Line {
            line_no: 1,
            item_id: 7,
            quantity: 2,
            unit_price_minor: 400,
            tax_minor: 150,
            gift_wrap: false,
        }],
        shipping_minor: 50,
        tenders,
        instructions: None,
        written_version: 3,
    }
}

pub(crate) fn bought(card_minor: i64) -> PaymentEvent {
    PaymentEvent::Event(Event::Purchase(purchase(card_minor)))
}

fn stated(fact: impl Into<Fact>) -> PaymentEvent {
    PaymentEvent::Event(Event::Fact(fact.into()))
}

pub(crate) fn cancelled(reason: &str) -> PaymentEvent {
    stated(PurchaseCancelled {
        event_id: "event-cancelled".into(),
        purchase_id: ID.into(),
        occurred_at: NOW,
        causation_id: "cause".into(),
        reason: reason.into(),
    })
}

pub(crate) fn handed_over() -> PaymentEvent {
    stated(ShipmentHandedOver {
        event_id: "event-handed-over".into(),
        purchase_id: ID.into(),
        occurred_at: NOW,
        causation_id: "cause".into(),
        shipment_id: "shipment".into(),
        carrier: "carrier".into(),
        tracking: "1".into(),
    })
}

pub(crate) fn rejected() -> PaymentEvent {
    stated(StockRejected {
        event_id: "event-rejected".into(),
        purchase_id: ID.into(),
        occurred_at: NOW,
        causation_id: "cause".into(),
        lines: vec![ReservedLine {
            line_no: 1,
            sku: "7".into(),
            quantity: 2,
        }],
    })
}

/// What goes wrong with an authorisation, besides a decline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// It says that it holds more than was asked.
    Lies,
    /// What it says names no intent, though it holds the money.
    Unnamed,
    /// It says nothing of use, though it holds the money.
    Untraced,
    /// It calls the request wrong.
    Rejects,
}

/// What the provider will say, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) declines: bool,
    pub(crate) capture_fails: bool,
    pub(crate) trouble: Trouble,
    pub(crate) held_minor: i64,
    pub(crate) captured_minor: i64,
    pub(crate) refunded_minor: i64,
}

impl Provider {
    fn answer(&mut self, call: Call, ask: &Ask) -> Outcome {
        let amount = ask.amount_minor;
        let declined = |reason: &str| Outcome::Declined {
            reason: reason.into(),
            attempts: 1,
        };
        match call {
            Call::Authorise if self.declines => return declined("generic_decline"),
            Call::Authorise if self.trouble == Trouble::Rejects => {
                return Outcome::Rejected {
                    code: "resource_missing".into(),
                    detail: "http 400".into(),
                };
            }
            Call::Authorise => self.held_minor += amount,
            Call::Void => self.held_minor -= amount,
            Call::Release => {
                self.held_minor = 0;
                let intents = vec!["pi_1".to_owned()];
                return Outcome::Released { intents };
            }
            Call::Capture if self.capture_fails => {
                self.held_minor -= amount;
                return declined("canceled");
            }
            Call::Capture => {
                self.held_minor -= amount;
                self.captured_minor += amount;
            }
            Call::Refund => self.refunded_minor += amount,
        }
        let lie = match (call, self.trouble) {
            (Call::Authorise, Trouble::Lies) => 1,
            (Call::Authorise, Trouble::Untraced) => return Outcome::Untraced,
            (Call::Authorise, Trouble::Unnamed) => {
                let detail = "2 intents of one purchase".to_owned();
                return Outcome::Mismatch { detail };
            }
            _ => 0,
        };
        Outcome::Done(Said {
            intent: "pi_1".into(),
            refund: (call == Call::Refund).then(|| "re_1".into()),
            amount_minor: amount + lie,
            currency: "eur".into(),
            purchase_id: Some(ID.into()),
        })
    }
}

pub(crate) struct World {
    pub(crate) payments: InMemory<PaymentGroup>,
    pub(crate) provider: Provider,
    pub(crate) tasks: VecDeque<NewTask>,
    /// Every fact ever stated, by its id.
    pub(crate) facts: BTreeMap<String, Fact>,
    /// Every task ever asked for, by its id.
    pub(crate) asked: BTreeMap<String, NewTask>,
    pub(crate) answered: Vec<PaymentEvent>,
    /// Why answers were set aside that were applied all the same.
    pub(crate) set_aside: Vec<&'static str>,
    database: rusqlite::Connection,
}

impl World {
    pub(crate) fn new(provider: Provider) -> Self {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        database.pragma_update(None, "foreign_keys", true).unwrap();
        for migration in payment::MIGRATIONS {
            database.execute_batch(migration.sqlite).unwrap();
        }
        let group = PaymentGroup::new(Arc::new(Codec::without_registry()), "pm_card_visa");
        Self {
            payments: InMemory::new(group),
            provider,
            tasks: VecDeque::new(),
            facts: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: vec![],
            set_aside: vec![],
            database,
        }
    }

    /// Applies an event, checks that a second delivery changes nothing, and stores the rows.
    pub(crate) fn deliver(&mut self, event: &PaymentEvent) -> Result<Decision, Refusal> {
        let (decision, effects) = self.payments.apply(event, NOW);
        let row = self.payment();
        for fact in effects.facts {
            let again = self.facts.insert(fact.event_id().to_owned(), fact);
            assert_eq!(again, None, "a fact was stated twice");
        }
        for task in effects.tasks {
            let again = self.asked.insert(task.task_id.clone(), task.clone());
            assert_eq!(again, None, "the provider was asked twice");
            self.tasks.push_back(task);
        }
        let (second, nothing) = self.payments.apply(event, NOW + 1);
        if let Some((reason, _)) = &effects.set_aside {
            assert_ne!(second, Ok(Decision::Applied), "{reason}");
            self.set_aside.push(reason);
        } else if decision == Ok(Decision::Applied) {
            assert_eq!(second, Ok(Decision::Duplicate));
        }
        assert_empty(&nothing);
        assert_eq!(self.payment(), row, "a second delivery changed the row");
        self.store();
        decision
    }

    /// Lets the provider answer the task that it was asked first.
    pub(crate) fn answer(&mut self) {
        let Some(task) = self.tasks.pop_front() else {
            return;
        };
        let call = Call::parse(task.kind).unwrap();
        let ask: Ask = serde_json::from_value(task.payload.clone()).unwrap();
        let outcome = self.provider.answer(call, &ask);
        let answer = Answer(serde_json::to_value(outcome).unwrap());
        let stored = stored_task(&task, NOW);
        let event = (self.payments.group().answered(&stored, &answer)).unwrap();
        self.deliver(&event).unwrap();
        self.answered.push(event);
    }

    pub(crate) fn answer_all(&mut self) {
        while !self.tasks.is_empty() {
            self.answer();
        }
    }

    pub(crate) fn payment(&mut self) -> Option<Payment> {
        self.payments.rows().payments.iter().next().cloned()
    }

    pub(crate) fn fact_kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.facts.values().map(Fact::kind).collect();
        kinds.sort_unstable();
        kinds
    }

    /// What stands on each account: debits positive.
    pub(crate) fn balances(&mut self) -> BTreeMap<String, i64> {
        let mut read = (self.database)
            .prepare("SELECT account, balance_minor FROM account_balances")
            .unwrap();
        let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let all = rows.unwrap().collect::<Result<BTreeMap<String, i64>, _>>();
        let mut all = all.unwrap();
        all.retain(|_, balance| *balance != 0);
        all
    }

    fn store(&mut self) {
        let rows = self.payments.rows();
        let payments: Vec<_> = rows.payments.iter().cloned().collect();
        let entries: Vec<_> = rows.entries.iter().cloned().collect();
        let postings: Vec<_> = rows.postings.iter().cloned().collect();
        write(&self.database, &Payment::TABLE.upsert().sqlite, &payments);
        let insert = payment::rows::JournalEntry::TABLE.insert_new();
        write(&self.database, &insert.sqlite, &entries);
        let insert = payment::rows::Posting::TABLE.insert_new();
        write(&self.database, &insert.sqlite, &postings);
    }
}

fn assert_empty(effects: &Effects<Fact>) {
    assert!(effects.facts.is_empty(), "{:?}", effects.facts);
    assert!(effects.tasks.is_empty(), "{:?}", effects.tasks);
}

fn write<R: Row>(database: &rusqlite::Connection, sql: &str, rows: &[R]) {
    let mut statement = database.prepare_cached(sql).unwrap();
    for row in rows {
        let mut columns = R::TABLE.empty_columns();
        row.push(&mut columns);
        let values = columns.into_iter().map(|column| -> rusqlite::types::Value {
            match column {
                Cells::Text(cells) => cells[0].clone().into(),
                Cells::Long(cells) => cells[0].into(),
                Cells::Bytes(cells) => cells[0].clone().into(),
                Cells::Bool(cells) => cells[0].map(i64::from).into(),
            }
        });
        statement
            .execute(rusqlite::params_from_iter(values))
            .unwrap();
    }
}
