//! Events as other groups would state them, and a shop that runs inventory in memory and checks,
//! after every single input, what must always be true.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inventory::{Deadlines, Input, InventoryGroup, Reservation, Stock};
use runtime::{
    Decision, Group, NewTimer, Refusal,
    in_memory::{InMemory, stored_timer},
};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        Channel, DeliveryTier, Line, PaymentDeclined, PaymentVoided, PurchaseCancelled,
        ShipmentHandedOver, ShipmentRequested, StockAdjusted, StockReceived, Tender, TenderKind,
    },
    ids::derived,
};

pub(crate) const NOW: i64 = 1_700_000_000_000_000;

pub(crate) fn purchase(purchase_id: &str, wanted: &[(i64, i32)]) -> Event {
    let line = |(index, (item_id, quantity)): (usize, &(i64, i32))| Line {
        line_no: i32::try_from(index).expect("few lines") + 1,
        item_id: *item_id,
        quantity: *quantity,
        unit_price_minor: 100,
        tax_minor: 0,
        gift_wrap: false,
    };
    let lines: Vec<Line> = wanted.iter().enumerate().map(line).collect();
    let amount_minor = lines
        .iter()
        .map(|line| 100 * i64::from(line.quantity))
        .sum();
    Event::Purchase(Purchase {
        event_id: derived(purchase_id, "purchase"),
        purchase_id: purchase_id.to_owned(),
        customer_id: "c1".to_owned(),
        occurred_at: NOW,
        currency: "USD".to_owned(),
        channel: Channel::Web,
        delivery_tier: DeliveryTier::TwoDay,
        lines,
        shipping_minor: 0,
        tenders: vec![Tender {
            kind: TenderKind::Card,
            amount_minor,
            reference: None,
        }],
        instructions: None,
        written_version: 3,
    })
}

pub(crate) fn declined(purchase_id: &str) -> Event {
    Event::Fact(Fact::from(PaymentDeclined {
        event_id: derived(purchase_id, "payment.declined"),
        purchase_id: purchase_id.to_owned(),
        occurred_at: NOW,
        causation_id: derived(purchase_id, "purchase"),
        reason: "card_declined".to_owned(),
    }))
}

pub(crate) fn voided(purchase_id: &str) -> Event {
    Event::Fact(Fact::from(PaymentVoided {
        event_id: derived(purchase_id, "payment.voided"),
        purchase_id: purchase_id.to_owned(),
        occurred_at: NOW,
        causation_id: derived(purchase_id, "purchase"),
        reason: "cancelled".to_owned(),
    }))
}

pub(crate) fn cancelled(purchase_id: &str, reason: &str) -> Event {
    Event::Fact(Fact::from(PurchaseCancelled {
        event_id: derived(purchase_id, "dispatch.cancelled"),
        purchase_id: purchase_id.to_owned(),
        occurred_at: NOW,
        causation_id: derived(purchase_id, "purchase"),
        reason: reason.to_owned(),
    }))
}

pub(crate) fn requested(purchase_id: &str) -> Event {
    Event::Fact(Fact::from(ShipmentRequested {
        event_id: derived(purchase_id, "dispatch.requested"),
        purchase_id: purchase_id.to_owned(),
        occurred_at: NOW,
        causation_id: derived(purchase_id, "purchase"),
        shipment_id: derived(purchase_id, "shipment"),
        ship_by: NOW,
        deliver_by: NOW,
    }))
}

pub(crate) fn handed_over(purchase_id: &str) -> Event {
    Event::Fact(Fact::from(ShipmentHandedOver {
        event_id: derived(purchase_id, "dispatch.handed_over"),
        purchase_id: purchase_id.to_owned(),
        occurred_at: NOW,
        causation_id: derived(purchase_id, "purchase"),
        shipment_id: derived(purchase_id, "shipment"),
        carrier: "carrier".to_owned(),
        tracking: "1".to_owned(),
    }))
}

pub(crate) fn received(event_id: &str, sku: i64, quantity: i64) -> Event {
    Event::Fact(Fact::StockReceived(StockReceived {
        event_id: event_id.to_owned(),
        sku: sku.to_string(),
        occurred_at: NOW,
        causation_id: None,
        quantity,
    }))
}

pub(crate) fn adjusted(event_id: &str, sku: i64, quantity_change: i64) -> Event {
    Event::Fact(Fact::StockAdjusted(StockAdjusted {
        event_id: event_id.to_owned(),
        sku: sku.to_string(),
        occurred_at: NOW,
        causation_id: None,
        quantity_change,
        reason: "count".to_owned(),
    }))
}

/// Inventory in memory.
pub(crate) struct Shop {
    group: InMemory<InventoryGroup>,
    pub(crate) timers: BTreeMap<String, NewTimer>,
    /// Every fact ever emitted; their ids must differ.
    pub(crate) facts: Vec<Fact>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let codec = Arc::new(codec::Codec::without_registry());
        Self {
            group: InMemory::new(InventoryGroup::new(codec, Deadlines::default())),
            timers: BTreeMap::new(),
            facts: Vec::new(),
        }
    }

    /// Applies an event; returns what became of it and the kinds of the facts that followed.
    pub(crate) fn tell(&mut self, event: Event) -> (Result<Decision, Refusal>, Vec<&'static str>) {
        self.apply(&Input::Event(event), NOW)
    }

    /// Lets a reservation's time come.
    pub(crate) fn lapse(
        &mut self,
        purchase_id: &str,
    ) -> (Result<Decision, Refusal>, Vec<&'static str>) {
        let timer = (self.timers.remove(&format!("{purchase_id}:expire"))).expect("a timer is set");
        let input = self
            .group
            .group()
            .due(&stored_timer(&timer))
            .expect("it is inventory's");
        self.apply(&input, timer.due_at)
    }

    fn apply(&mut self, input: &Input, now: i64) -> (Result<Decision, Refusal>, Vec<&'static str>) {
        let (decision, effects) = self.group.apply(input, now);
        assert!(effects.tasks.is_empty(), "inventory asks nobody");
        for timer_id in &effects.cancelled_timers {
            self.timers.remove(timer_id);
        }
        for timer in effects.timers {
            self.timers.insert(timer.timer_id.clone(), timer);
        }
        let kinds = effects.facts.iter().map(Fact::kind).collect();
        self.facts.extend(effects.facts);
        self.check();
        (decision, kinds)
    }

    pub(crate) fn reservation(&mut self, purchase_id: &str) -> Reservation {
        let key = (purchase_id.to_owned(),);
        (self.group.rows().reservations.get(&key).cloned()).expect("a reservation is there")
    }

    pub(crate) fn reservations(&mut self) -> Vec<Reservation> {
        self.group.rows().reservations.iter().cloned().collect()
    }

    /// (on hand, reserved)
    pub(crate) fn stock(&mut self, sku: i64) -> (i64, i64) {
        let stock = self.group.rows().stock.get(&(sku.to_string(),));
        stock.map_or((0, 0), |stock| (stock.on_hand, stock.reserved))
    }

    pub(crate) fn all_stock(&mut self) -> Vec<(String, i64, i64)> {
        let row = |row: &Stock| (row.sku.clone(), row.on_hand, row.reserved);
        self.group.rows().stock.iter().map(row).collect()
    }

    pub(crate) fn movements(&mut self) -> usize {
        self.group.rows().movements.iter().count()
    }

    /// What is true after every input: stock is the fold of its movements, in sequence and never
    /// out of range; what is reserved is what live reservations hold; no fact is stated twice.
    fn check(&mut self) {
        let rows = self.group.rows();
        let mut folded: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
        let mut movement_ids = BTreeSet::new();
        for movement in rows.movements.iter() {
            assert!(
                movement_ids.insert(&movement.movement_id),
                "{movement:?} twice"
            );
            let fold = folded.entry(movement.sku.clone()).or_default();
            fold.0 += movement.on_hand_change;
            fold.1 += movement.reserved_change;
            fold.2 += 1;
            let after = (
                movement.on_hand_after,
                movement.reserved_after,
                movement.sequence,
            );
            assert_eq!(*fold, after, "{movement:?}");
            assert!(0 <= fold.1 && fold.1 <= fold.0, "{movement:?}");
        }
        let mut held: BTreeMap<String, i64> = BTreeMap::new();
        for reservation in rows
            .reservations
            .iter()
            .filter(|row| row.stands().is_live())
        {
            for line in rows.lines_of(&reservation.purchase_id) {
                *held.entry(line.sku.clone()).or_default() += i64::from(line.quantity);
            }
        }
        assert_eq!(rows.stock.iter().count(), folded.len());
        for stock in rows.stock.iter() {
            let row = (stock.on_hand, stock.reserved, stock.movements);
            assert_eq!(
                folded[&stock.sku], row,
                "stock of {} is not its fold",
                stock.sku
            );
            let held = held.remove(&stock.sku).unwrap_or(0);
            assert_eq!(stock.reserved, held, "reserved of {}", stock.sku);
        }
        assert!(held.is_empty(), "reserved without stock: {held:?}");
        let ids: BTreeSet<&str> = self.facts.iter().map(Fact::event_id).collect();
        assert_eq!(ids.len(), self.facts.len(), "a fact was stated twice");
    }
}
