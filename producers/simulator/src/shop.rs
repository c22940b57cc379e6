//! The shops themselves: an endless, seeded sequence of actions. Pure: no clock, no network; the
//! same plan gives the same sequence.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::domain::{
    CancellationRequested, Channel, DeliveryTier, Line, Purchase, Tender, TenderKind,
};

use crate::action::{Action, Deed, Kind, Way};
use crate::catalogue;
use crate::plan::Plan;
use crate::poison::Poison;

/// The account in whose name the shops buy.
pub const ACCOUNT: &str = "simulator";
/// How many past purchases may be repeated, contradicted or cancelled.
const MEMORY: usize = 1_000;
const BURST: usize = 50;
/// The mean distance of two purchases on the event clock when no rate is given, microseconds.
const PACE_MICROS: i64 = 5_000;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

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

    /// A version by the plan's mix. Version 1 cannot name a payment method, so it cannot be
    /// declined.
    fn version(&mut self, kind: Kind) -> u8 {
        let mix = self.plan.mix;
        let pick = self
            .random
            .random_range(0..(mix.v1 + mix.v2 + mix.v3).max(1));
        if pick < mix.v1 && kind != Kind::Declined {
            1
        } else if pick < mix.v1 + mix.v2 {
            2
        } else {
            3
        }
    }

    fn purchase(&mut self, key: &str, kind: Kind, version: u8) -> Purchase {
        let purchase_id = schemas::ids::purchase_id(ACCOUNT, key);
        let lines = self.lines(kind, version);
        let shipping_minor = match version {
            1 => 0,
            _ => self.random.random_range(0..=900),
        };
        let delivery_tier = match self.random.random_range(0..10) {
            0..4 => DeliveryTier::TwoDay,
            4 if version > 1 => DeliveryTier::NextDay,
            _ => DeliveryTier::Standard,
        };
        let channel = match (version, self.random.random_range(0..3)) {
            (1, _) => Channel::Unknown,
            (_, 0) => Channel::Web,
            (_, 1) => Channel::App,
            _ => Channel::Store,
        };
        let mut purchase = Purchase {
            event_id: schemas::ids::derived(&purchase_id, "storefront.purchased"),
            purchase_id,
            customer_id: format!("customer-{}", self.random.random_range(0..5_000)),
            occurred_at: self.now,
            currency: "USD".into(),
            channel,
            delivery_tier,
            lines,
            shipping_minor,
            tenders: Vec::new(),
            instructions: (self.happens(0.1)).then(|| "Please put a ribbon on my package".into()),
            written_version: version,
        };
        if kind == Kind::Late {
            purchase.occurred_at -= self.random.random_range(DAY_MICROS / 24..3 * DAY_MICROS);
        }
        purchase.tenders = self.tenders(kind, version, purchase.total_minor());
        purchase
    }

    fn lines(&mut self, kind: Kind, version: u8) -> Vec<Line> {
        let count = if version == 3 {
            self.random.random_range(1..=4)
        } else {
            1
        };
        (1..=count)
            .map(|line_no| {
                let (item_id, unit_price_minor) = if kind == Kind::OutOfStock && line_no == count {
                    catalogue::missing(self.random.random_range(0..catalogue::MISSING_ITEMS))
                } else {
                    // The smaller of two: few items are wanted often.
                    let items = 0..catalogue::STOCKED_ITEMS;
                    let rank = (self.random.random_range(items.clone()))
                        .min(self.random.random_range(items));
                    catalogue::stocked(rank)
                };
                let quantity = if version > 1 {
                    self.random.random_range(1..=3)
                } else {
                    1
                };
                Line {
                    line_no,
                    item_id,
                    quantity,
                    unit_price_minor,
                    tax_minor: if version > 1 {
                        unit_price_minor / 12
                    } else {
                        0
                    },
                    gift_wrap: version == 3 && self.random.random_bool(0.2),
                }
            })
            .collect()
    }

    fn tenders(&mut self, kind: Kind, version: u8, total_minor: i64) -> Vec<Tender> {
        let reference = match (kind, version) {
            (Kind::Declined, _) => {
                let which = self.random.random_range(0..catalogue::DECLINED.len());
                Some(catalogue::DECLINED[which].to_owned())
            }
            (_, 1) => None,
            _ => Some("pm_card_visa".to_owned()),
        };
        let mut tenders = Vec::new();
        let mut card_minor = total_minor;
        if version == 3 && total_minor > 1_000 && self.random.random_bool(0.2) {
            tenders.push(Tender {
                kind: TenderKind::GiftCard,
                amount_minor: 500,
                reference: None,
            });
            card_minor -= 500;
        }
        tenders.push(Tender {
            kind: TenderKind::Card,
            amount_minor: card_minor,
            reference,
        });
        tenders
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

/// The same purchase by id, with another price.
fn contradict(purchase: &mut Purchase) {
    purchase.lines[0].unit_price_minor += 100;
    let more = 100 * i64::from(purchase.lines[0].quantity);
    let card = purchase.tenders.last_mut().expect("a purchase has a card");
    card.amount_minor += more;
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use schemas::Encoder;

    use super::*;

    const START: i64 = 1_700_000_000_000_000;

    fn actions(seed: u64, count: u64) -> Vec<Action> {
        let mut plan = Plan::new(seed, START);
        plan.count = Some(count);
        plan.shares.http = 0.3;
        Shop::new(&plan).collect()
    }

    #[test]
    fn the_same_seed_does_the_same() {
        assert_eq!(actions(7, 5_000), actions(7, 5_000));
        assert_ne!(actions(7, 100), actions(8, 100));
    }

    #[test]
    fn every_purchase_can_be_said_in_its_version() {
        let encoder = Encoder::new();
        let mut versions = [0_u32; 4];
        for action in actions(1, 20_000) {
            if let Deed::Buy { purchase, .. } = action.deed {
                let version = purchase.written_version;
                encoder
                    .encode_purchase(&purchase, u32::from(version))
                    .unwrap();
                versions[usize::from(version)] += 1;
            }
        }
        let total: u32 = versions.iter().sum();
        let share = |version: usize| f64::from(versions[version]) / f64::from(total);
        assert!((share(1) - 0.6).abs() < 0.03, "{versions:?}");
        assert!((share(2) - 0.3).abs() < 0.03, "{versions:?}");
        assert!((share(3) - 0.1).abs() < 0.03, "{versions:?}");
    }

    #[test]
    fn everything_unusual_happens() {
        let mut kinds = HashMap::new();
        let (mut cancelled, mut early, mut poison, mut bursts) = (0, 0, HashSet::new(), 0);
        for action in actions(2, 50_000) {
            bursts += u32::from(action.is_burst);
            match action.deed {
                Deed::Buy { kind, .. } => *kinds.entry(kind).or_insert(0) += 1,
                Deed::Cancel { is_early: true, .. } => early += 1,
                Deed::Cancel { .. } => cancelled += 1,
                Deed::Poison(it) => _ = poison.insert(it.kind),
            }
        }
        assert_eq!(kinds.len(), 6, "{kinds:?}");
        assert!(cancelled > 100 && early > 10 && bursts > 100);
        assert!(poison.len() > 20, "{poison:?}");
    }

    #[test]
    fn a_repeat_is_the_same_and_a_conflict_is_not() {
        let mut first: HashMap<String, Purchase> = HashMap::new();
        for action in actions(3, 20_000) {
            let Deed::Buy { purchase, kind } = action.deed else {
                continue;
            };
            match kind {
                Kind::Duplicate => assert_eq!(first[&purchase.purchase_id], *purchase),
                Kind::Conflict => {
                    let original = &first[&purchase.purchase_id];
                    assert_ne!(original.content_hash(), purchase.content_hash());
                    assert_eq!(original.event_id, purchase.event_id);
                }
                _ => {
                    let before = first.insert(purchase.purchase_id.clone(), *purchase);
                    assert_eq!(before, None, "ids are new");
                }
            }
        }
    }
}
