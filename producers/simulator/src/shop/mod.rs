//! The shops themselves: an endless, seeded sequence of actions. Pure: no clock, no network; the
//! same plan gives the same sequence.

mod order;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::domain::{CancellationRequested, Purchase};

use crate::action::{Action, Deed, Kind, Way};
use crate::plan::Plan;
use crate::poison::Poison;
use order::contradict;

/// The account in whose name the shops buy.
pub const ACCOUNT: &str = "simulator";
/// How many past purchases may be repeated, contradicted or cancelled.
const MEMORY: usize = 1_000;
const BURST: usize = 50;
/// The mean distance of two purchases on the event clock when no rate is given, microseconds.
const PACE_MICROS: i64 = 5_000;

/// Shops, as an iterator over what they do.
#[derive(Debug)]
pub struct Shop {
    plan: Plan,
    random: StdRng,
    /// The next action.
    number: u64,
    /// The next purchase.
    order: u64,
    now: i64,
    past: VecDeque<(Purchase, String)>,
    /// Actions that come before any new one.
    pending: VecDeque<(String, Deed)>,
    burst_left: usize,
}

impl Shop {
    /// Opens shops by a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            random: StdRng::seed_from_u64(plan.seed),
            number: 0,
            order: 0,
            now: plan.start,
            past: VecDeque::with_capacity(MEMORY),
            pending: VecDeque::new(),
            burst_left: 0,
            plan: plan.clone(),
        }
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random_bool(share.min(1.0))
    }

    fn new_key(&mut self) -> String {
        let key = format!("sim-{}-{}", self.plan.seed, self.order);
        self.order += 1;
        key
    }

    fn deed(&mut self) -> (String, Deed) {
        if let Some(pending) = self.pending.pop_front() {
            return pending;
        }
        let shares = self.plan.shares;
        if self.happens(shares.poison) {
            let key = self.new_key();
            let base = self.purchase(&key, Kind::Ordinary, 3);
            let poison = Poison::of(
                self.random.random::<u32>() as usize,
                &base,
                &mut self.random,
            );
            return (key, Deed::Poison(Box::new(poison)));
        }
        if !self.past.is_empty() {
            if self.happens(shares.duplicates) {
                let (purchase, key) = self.a_past_one();
                return (key, buy(purchase, Kind::Duplicate));
            }
            if self.happens(shares.conflicts) {
                let (mut purchase, key) = self.a_past_one();
                contradict(&mut purchase);
                return (key, buy(purchase, Kind::Conflict));
            }
            if self.happens(shares.cancelled) {
                let (purchase, key) = self.a_past_one();
                return (key, cancel(&purchase, self.now, false));
            }
        }
        self.new_purchase()
    }

    fn new_purchase(&mut self) -> (String, Deed) {
        let shares = self.plan.shares;
        let kind = if self.happens(shares.declined) {
            Kind::Declined
        } else if self.happens(shares.out_of_stock) {
            Kind::OutOfStock
        } else if self.happens(shares.late) {
            Kind::Late
        } else {
            Kind::Ordinary
        };
        let key = self.new_key();
        let version = self.version(kind);
        let purchase = self.purchase(&key, kind, version);
        if self.past.len() == MEMORY {
            self.past.pop_front();
        }
        self.past.push_back((purchase.clone(), key.clone()));
        if self.happens(shares.cancelled_early) {
            self.pending
                .push_back((key.clone(), buy(purchase.clone(), kind)));
            return (key, cancel(&purchase, self.now, true));
        }
        (key, buy(purchase, kind))
    }

    fn a_past_one(&mut self) -> (Purchase, String) {
        let which = self.random.random_range(0..self.past.len());
        self.past[which].clone()
    }
}

impl Iterator for Shop {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        if self.plan.count.is_some_and(|count| self.number >= count) {
            return None;
        }
        let is_burst = self.burst_left > 0;
        if is_burst {
            self.burst_left -= 1;
        } else {
            let pace = (self.plan.rate).map_or(PACE_MICROS, |rate| (1e6 / rate.max(0.001)) as i64);
            self.now += self.random.random_range(0..=2 * pace);
            if self.happens(self.plan.shares.bursts) {
                self.burst_left = BURST;
            }
        }
        let (key, deed) = self.deed();
        // A key keeps its way, so that the actions of one purchase keep their order; poison has
        // no way through the storefront.
        let is_http = is_chosen(&key, self.plan.shares.http) && !matches!(deed, Deed::Poison(_));
        let action = Action {
            number: self.number,
            key,
            way: if is_http {
                Way::Storefront
            } else {
                Way::Direct
            },
            deed,
            is_burst,
        };
        self.number += 1;
        Some(action)
    }
}

/// A share of all keys, always the same ones.
fn is_chosen(key: &str, share: f64) -> bool {
    let mut hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Keys differ in their last characters only, which FNV leaves in the low bits.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    ((hash >> 32) as f64) < share * f64::from(u32::MAX)
}

fn buy(purchase: Purchase, kind: Kind) -> Deed {
    Deed::Buy {
        purchase: Box::new(purchase),
        kind,
    }
}

fn cancel(purchase: &Purchase, now: i64, is_early: bool) -> Deed {
    Deed::Cancel {
        request: CancellationRequested {
            event_id: schemas::ids::derived(&purchase.purchase_id, "cancellation_requested:"),
            purchase_id: purchase.purchase_id.clone(),
            occurred_at: now,
            causation_id: Some(purchase.event_id.clone()),
            reason: "customer".into(),
        },
        is_early,
    }
}
