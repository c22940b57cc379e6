//! The world that a seed makes: shops, five groups, the outside, a clock that stands still until something
//! moves it.

use std::sync::Arc;

use codec::Codec;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use runtime::Outgoing;
use schemas::{
    Encoder,
    domain::{Event, Fact, StockReceived},
};
use simulator::{Plan, action::Deed, catalogue, shop::Shop};

use crate::{
    log::Log,
    member::{Member, Running},
    outside::Outside,
};

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;
/// More than is ever sold.
pub(crate) const FILLED: i64 = 100_000;
const ACTIONS: u64 = 100;
/// A run that takes longer goes round in circles.
const STEPS_MAX: usize = 400_000;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) log: Log,
    pub(crate) outside: Outside,
    pub(crate) payment: Running<payment::PaymentGroup>,
    pub(crate) inventory: Running<inventory::InventoryGroup>,
    pub(crate) dispatch: Running<dispatch::DispatchGroup>,
    pub(crate) timeline: Running<timeline::Timeline>,
    pub(crate) analytics: Running<analytics::Analytics>,
    now: i64,
    random: StdRng,
    encoder: Encoder,
    /// Until when each group is away.
    away_until: [usize; 5],
    /// What was published last: a crash publishes it again.
    last: Vec<Outgoing>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let codec = Arc::new(Codec::without_registry());
        let mut plan = Plan::new(seed, START);
        plan.count = Some(ACTIONS);
        plan.shares.duplicates = 0.1;
        plan.shares.conflicts = 0.02;
        plan.shares.declined = 0.08;
        plan.shares.out_of_stock = 0.08;
        plan.shares.cancelled = 0.15;
        plan.shares.cancelled_early = 0.03;
        plan.shares.poison = 0.03;
        Self {
            seed,
            plan,
            log: Log::default(),
            outside: Outside::default(),
            payment: Running::new(payment::PaymentGroup::new(
                Arc::clone(&codec),
                "pm_card_visa",
            )),
            inventory: Running::new(inventory::InventoryGroup::new(
                Arc::clone(&codec),
                inventory::Deadlines::default(),
            )),
            dispatch: Running::new(dispatch::DispatchGroup::new(
                Arc::clone(&codec),
                dispatch::Deadlines::default(),
            )),
            timeline: Running::new(timeline::Timeline::new(Arc::clone(&codec))),
            analytics: Running::new(analytics::Analytics::new(
                codec,
                analytics::Windows::default(),
            )),
            now: START,
            random: StdRng::seed_from_u64(seed),
            encoder: Encoder::new(),
            away_until: [0; 5],
            last: Vec::new(),
        }
    }

    /// The groups in an order that stays.
    pub(crate) fn members(&mut self) -> [&mut dyn Member; 5] {
        [
            &mut self.payment,
            &mut self.inventory,
            &mut self.dispatch,
            &mut self.timeline,
            &mut self.analytics,
        ]
    }

    /// Everything that happens, until nothing is left to happen.
    pub(crate) fn run(&mut self) {
        self.fill_shelves();
        let plan = self.plan.clone();
        let mut shop = Shop::new(&plan);
        let mut is_open = true;
        for step in 0..STEPS_MAX {
            if is_open && self.random.random_bool(0.05) {
                match shop.next() {
                    Some(action) => self.sell(action.deed),
                    None => is_open = false,
                }
            }
            if self.random.random_bool(0.002) && is_open {
                self.take_a_group_away(step);
            }
            if self.random.random_bool(0.01) {
                self.publish_again();
            }
            let something_happened = self.step(step);
            if !something_happened && !is_open && !self.move_on(step) {
                return;
            }
        }
        panic!("seed {}: not over after {STEPS_MAX} steps", self.seed);
    }

    fn fill_shelves(&mut self) {
        for sku in catalogue::stocked_skus() {
            let received = StockReceived {
                event_id: schemas::ids::purchase_id("stock keeper", &sku),
                sku,
                occurred_at: self.now,
                causation_id: None,
                quantity: FILLED,
            };
            let event = Event::Fact(Fact::StockReceived(received));
            // Stock keepers tell everything twice.
            for _ in 0..2 {
                let encoded = self.encoder.encode_event(&event).unwrap();
                self.log.publish_encoded(encoded, self.now);
            }
        }
        let (log, random) = (&self.log, &mut self.random);
        while self.inventory.read(random, log, self.now).is_some() {}
    }

    fn sell(&mut self, deed: Deed) {
        let encoded = match deed {
            Deed::Buy { purchase, .. } => {
                let version = u32::from(purchase.written_version);
                self.encoder.encode_purchase(&purchase, version).unwrap()
            }
            Deed::Cancel { request, .. } => {
                let event = Event::CancellationRequested(request);
                self.encoder.encode_event(&event).unwrap()
            }
            Deed::Poison(poison) => {
                let record = poison.record;
                let headers = runtime::Headers(record.headers);
                let (topic, now) = (&record.topic, self.now);
                return self
                    .log
                    .append(topic, record.key, record.payload, headers, now);
            }
        };
        self.log.publish_encoded(encoded, self.now);
    }

    /// A group is away for longer than every answer is waited for; the others go on.
    fn take_a_group_away(&mut self, step: usize) {
        let which = self.random.random_range(0..self.away_until.len());
        self.away_until[which] = step + 400;
        self.now += 20 * MINUTE;
    }

    /// As after a crash between publishing and writing down that it was published.
    fn publish_again(&mut self) {
        for outgoing in std::mem::take(&mut self.last) {
            self.log.publish(&outgoing, self.now);
        }
    }

    /// One group does one thing, if any of those that are there can.
    fn step(&mut self, step: usize) -> bool {
        self.now += 1_000;
        let (first, what) = (
            self.random.random_range(0..5),
            self.random.random_range(0..4),
        );
        for turn in 0..5 * 4 {
            let which = (first + turn) % 5;
            if self.away_until[which] > step {
                continue;
            }
            if let Some(outgoing) = self.act(which, (what + turn / 5) % 4) {
                for outgoing in &outgoing {
                    self.log.publish(outgoing, self.now);
                }
                if !outgoing.is_empty() {
                    self.last = outgoing;
                }
                return true;
            }
        }
        false
    }

    fn act(&mut self, which: usize, what: usize) -> Option<Vec<Outgoing>> {
        let now = self.now;
        let members: [&mut dyn Member; 5] = [
            &mut self.payment,
            &mut self.inventory,
            &mut self.dispatch,
            &mut self.timeline,
            &mut self.analytics,
        ];
        let member = members.into_iter().nth(which).unwrap();
        let (random, log) = (&mut self.random, &self.log);
        match what {
            0 | 1 => member.read(random, log, now),
            2 => member.perform(random, &mut self.outside, now),
            _ => member.fire(log, now),
        }
    }

    /// Nothing can happen now: groups come back, then the clock moves to the next deadline.
    fn move_on(&mut self, step: usize) -> bool {
        if self.away_until.iter().any(|until| *until > step) {
            self.away_until = [0; 5];
            return true;
        }
        let next = self
            .members()
            .iter()
            .filter_map(|member| member.next_timer())
            .min();
        let Some(next) = next else {
            return false;
        };
        self.now = self.now.max(next);
        true
    }
}
