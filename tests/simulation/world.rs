//! The world that a plan makes: five groups of real members, the topics between them, what is outside,
//! and a clock that stands still until the scheduler moves it.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::Arc,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use runtime::{bookkeeping::rows::Position, simulated::Topics, store::MemoryStore};
use schemas::Encoder;

use crate::{
    deaths::Moment,
    gates::Gates,
    groups::{self, Around, Stores},
    history::History,
    members::{self, Life, Members},
    outside::Outside,
    plan::{Plan, START},
    watch::Watch,
};

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
    /// Whether the shops have opened.
    pub(crate) has_opened: bool,
    /// The next of the shops' deeds, and of the plan's faults.
    pub(crate) next_deed: usize,
    pub(crate) next_fault: usize,
    pub(crate) pending: Pending,
    /// By group and shard, the first event that was refused: those behind it may come before it.
    pub(crate) refused: BTreeMap<(usize, i64), i64>,
    /// By group, the events that were lost with a process before they had come to their topic.
    pub(crate) lost: BTreeSet<(usize, String)>,
    /// The purchases that customers gave back, by the ids of their requests.
    pub(crate) returns: BTreeMap<String, String>,
    /// By group and dead letter, how often an operator asked for its redrive.
    pub(crate) redrives: BTreeMap<(usize, String), i64>,
    /// Whether something came of the last step.
    pub(crate) progressed: bool,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) encoder: Encoder,
    fingerprint: DefaultHasher,
}

/// What is under way and ends by itself.
#[derive(Default)]
pub(crate) struct Pending {
    /// Group and place of those that stand still, and when they go on; then when they learn of it.
    pub(crate) still: Vec<(usize, usize, u64)>,
    pub(crate) unaware: Vec<(usize, usize, u64)>,
    /// At which point the next process of a group dies that comes to it.
    pub(crate) deaths: Vec<(usize, Moment)>,
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
        let watch = Watch::over(&topics, shape.behind);
        let around = Around {
            shape,
            gates: Arc::new(Gates::default()),
            watch: Arc::new(watch),
            topics,
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
            has_opened: false,
            next_deed: 0,
            next_fault: 0,
            pending: Pending::default(),
            refused: BTreeMap::new(),
            lost: BTreeSet::new(),
            returns: BTreeMap::new(),
            redrives: BTreeMap::new(),
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

    /// What has had an effect, and how often.
    pub(crate) fn all_counts(&self) -> BTreeMap<String, u64> {
        let mut all = self.around.watch.seen().counts.clone();
        let counted = self.counts.iter();
        all.extend(counted.map(|(what, count)| ((*what).to_owned(), *count)));
        let slots = self.members.iter().flat_map(|members| &members.slots);
        let fenced = slots.map(|slot| slot.process.fenced_batches()).sum();
        all.insert("fenced batches".to_owned(), fenced);
        let positions = |store: &MemoryStore| store.rows::<Position>().unwrap_or_default();
        let positions = self.stores.iter().flat_map(positions);
        let parked: i64 = positions.map(|position| position.parked).sum();
        all.insert("records parked".to_owned(), parked.unsigned_abs());
        all
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
        process.set_room(self.plan.shape.client_events);
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

    /// So many at most; the same draw for the same run.
    pub(crate) fn draw(&mut self, below: usize) -> usize {
        self.random.random_range(0..below.max(1))
    }

    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }
}
