//! The world that a plan makes: five groups of real members, the topics between them, what is outside,
//! and a clock that stands still until the scheduler moves it.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::Arc,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use runtime::{Headers, simulated::Topics};
use schemas::{
    Encoder,
    domain::{Event, Fact, StockReceived},
};
use simulator::{action::Deed, catalogue};

use crate::{
    gates::Gates,
    groups::{self, Around, Stores},
    history::History,
    members::{self, Life, Members},
    outside::Outside,
    plan::{Plan, START},
    watch::Watch,
};

/// More than is ever sold.
pub(crate) const FILLED: i64 = 1_000;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) around: Around,
    pub(crate) stores: Stores,
    pub(crate) members: [Members; 5],
    pub(crate) outside: Outside,
    pub(crate) now: i64,
    pub(crate) step: u64,
    pub(crate) random: StdRng,
    pub(crate) history: History,
    /// The next of the shops' deeds, and of the plan's faults.
    pub(crate) next_deed: usize,
    pub(crate) next_fault: usize,
    pub(crate) pending: Pending,
    /// Whether an event was refused: those behind it may come before it.
    pub(crate) refused: bool,
    /// Whether something came of the last step.
    pub(crate) progressed: bool,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    encoder: Encoder,
    fingerprint: DefaultHasher,
}

/// What is under way and ends by itself.
#[derive(Default)]
pub(crate) struct Pending {
    /// Group and place of those that stand still, and when they go on; then when they learn of it.
    pub(crate) still: Vec<(usize, usize, u64)>,
    pub(crate) unaware: Vec<(usize, usize, u64)>,
    /// When a group starts a process in place of one that ended.
    pub(crate) restarts: Vec<(usize, u64)>,
    /// Until which step a database is away, by group; the cluster; the outside.
    pub(crate) store_away: [u64; 5],
    pub(crate) cluster_away: u64,
    pub(crate) outside_away: u64,
    /// What the next commit of a group meets.
    pub(crate) commit: [Option<crate::gates::Pass>; 5],
    /// Whether the next event of a group is refused.
    pub(crate) refusal: [bool; 5],
}

impl World {
    pub(crate) fn new(plan: Plan, stores: Stores, history: History) -> Self {
        let shape = plan.shape.clone();
        let topics = Arc::new(Topics::new(groups::all_topics(), shape.shards));
        let reader = |group: usize| match shape.behind {
            Some((behind, version)) if behind == group => version,
            _ => schemas::versions::NEWEST,
        };
        let members = std::array::from_fn(|group| Members::new(reader(group)));
        let around = Around {
            shape,
            topics,
            gates: Arc::new(Gates::default()),
            watch: Arc::new(Watch::default()),
        };
        let mut world = Self {
            random: StdRng::seed_from_u64(plan.seed),
            plan,
            around,
            stores,
            members,
            outside: Outside::default(),
            now: START,
            step: 0,
            history,
            next_deed: 0,
            next_fault: 0,
            pending: Pending::default(),
            refused: false,
            progressed: false,
            counts: BTreeMap::new(),
            encoder: Encoder::new(),
            fingerprint: DefaultHasher::new(),
        };
        world.fill_shelves();
        world
    }

    /// A number that two runs share only if they took the same steps.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint.finish()
    }

    pub(crate) fn took(&mut self, step: impl Hash) {
        step.hash(&mut self.fingerprint);
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Starts a process of a group.
    pub(crate) fn start(&mut self, group: usize) {
        let of_group = &mut self.members[group];
        let number = of_group.started;
        of_group.started += 1;
        let clock = members::clock(self.now, of_group.skew);
        let id = (group, number);
        let with = (of_group.reader, &clock);
        let process = groups::start(&self.around, id, &self.stores[group], with);
        process.set_cluster_away(self.step < self.pending.cluster_away);
        of_group.join(number, process);
        let name = groups::NAMES[group];
        self.history.note(|| format!("{name} {number} starts"));
    }

    /// Time passes for everyone but those that stand still.
    pub(crate) fn pass(&mut self, micros: i64) {
        self.now += micros;
        for members in &self.members {
            for slot in members.slots.iter().filter(|slot| slot.life != Life::Still) {
                slot.process.clock().move_to(self.now);
            }
        }
    }

    /// When the first process wakes.
    pub(crate) fn next_wake(&self) -> Option<i64> {
        let alive = self.members.iter().flat_map(Members::alive);
        alive
            .filter_map(|(_, slot)| slot.process.clock().next_wake())
            .min()
    }

    fn fill_shelves(&mut self) {
        let wanted = self.plan.wanted_skus();
        for sku in catalogue::stocked_skus().filter(|sku| wanted.contains(sku)) {
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
                self.publish(self.encoder.encode_event(&event).unwrap());
            }
        }
    }

    /// The shops do the next of their deeds.
    pub(crate) fn sell(&mut self) {
        let deed = self.plan.deeds[self.next_deed].clone();
        self.next_deed += 1;
        let encoded = match deed {
            Deed::Buy { purchase, kind } => {
                let version = u32::from(purchase.written_version);
                let id = purchase.purchase_id.clone();
                self.history
                    .note(|| format!("a shop sells {id}: {}, version {version}", kind.as_str()));
                self.encoder.encode_purchase(&purchase, version).unwrap()
            }
            Deed::Cancel { request, .. } => {
                let id = request.purchase_id.clone();
                self.history.note(|| format!("a customer cancels {id}"));
                let event = Event::CancellationRequested(request);
                self.encoder.encode_event(&event).unwrap()
            }
            Deed::Poison(poison) => {
                let kind = poison.kind;
                self.history
                    .note(|| format!("somebody publishes poison: {kind}"));
                let record = poison.record;
                let headers = Headers(record.headers);
                let (topics, now) = (&self.around.topics, self.now);
                topics.append(&record.topic, record.key, record.payload, headers, now);
                return;
            }
        };
        self.publish(encoded);
    }

    fn publish(&self, encoded: schemas::encode::Encoded) {
        let headers = encoded.headers.into_iter();
        let headers = Headers(headers.map(|(name, value)| (name, Some(value))).collect());
        let (key, payload) = (Some(encoded.key), Some(encoded.payload));
        let topics = &self.around.topics;
        topics.append(encoded.topic, key, payload, headers, self.now);
    }

    /// So many at most; the same draw for the same run.
    pub(crate) fn draw(&mut self, below: usize) -> usize {
        self.random.random_range(0..below.max(1))
    }

    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }
}
