//! What a seed stands for: the shape of the world, what the shops do, and what goes wrong when. All of
//! it is drawn before the run, so that a run can be repeated with less of it.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use schemas::Purchase;
use simulator::{
    Plan as Shops,
    action::{Action, Deed, Kind},
    shop::Shop,
};

pub(crate) const START: i64 = 1_700_000_000_000_000;

/// How the groups are set up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) shards: i32,
    /// How many processes each group has when nothing is wrong.
    pub(crate) processes: usize,
    pub(crate) lanes: usize,
    pub(crate) batch_records_max: usize,
    pub(crate) linger_millis: u64,
    pub(crate) task_concurrency: usize,
    /// How many events a process's client takes before it is full.
    pub(crate) client_events: usize,
    /// How many units of each item came in.
    pub(crate) units: i64,
    /// Whether shops open only once the shelves are filled.
    pub(crate) opens_filled: bool,
    /// The share of calls whose reply is lost.
    pub(crate) loss: f64,
    /// A group that starts with a build that reads no more than this version.
    pub(crate) behind: Option<(usize, u32)>,
}

/// Something that goes wrong, or is done to the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A process ends, where it stands or as soon as one of the group comes to a certain point, and
    /// is started again later.
    Dies,
    /// A process stands still, is taken for dead, and goes on when others have its shards.
    StandsStill,
    /// A process is told to stop.
    IsStopped,
    /// The shards of the group are given out anew.
    ShardsMove,
    /// The next commit fails.
    CommitFails,
    /// The next commit is made, and its reply is lost.
    CommitReplyIsLost,
    /// The database is away for a while.
    DatabaseIsAway,
    /// The cluster is away for a while.
    ClusterIsAway,
    /// An event is refused by the topic.
    EventIsRefused,
    /// The provider and the carrier are away for a while.
    OutsideIsAway,
    /// Minutes pass in which nobody does anything.
    TimePasses,
    /// The clocks of the group's machines are set to another time.
    ClockIsSet,
    /// A record comes to its topic once more.
    RecordComesAgain,
    /// An operator redrives the group's dead letters.
    Redrive,
    /// A process's Kafka client meets an error from which it cannot recover.
    ClientBreaks,
    /// A stock keeper has counted an item, and found more or fewer of it.
    StockIsCounted,
    /// A customer does not want any more what the carrier has.
    GoodsComeBack,
    /// The group gets the newest build.
    Upgrade,
}

const DRAWN: [What; 17] = [
    What::Dies,
    What::StandsStill,
    What::IsStopped,
    What::ShardsMove,
    What::CommitFails,
    What::CommitReplyIsLost,
    What::DatabaseIsAway,
    What::ClusterIsAway,
    What::EventIsRefused,
    What::OutsideIsAway,
    What::TimePasses,
    What::ClockIsSet,
    What::RecordComesAgain,
    What::Redrive,
    What::ClientBreaks,
    What::StockIsCounted,
    What::GoodsComeBack,
];

/// One of them, at a step of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) step: u64,
    pub(crate) what: What,
    pub(crate) group: usize,
    /// Whatever else there is to choose.
    pub(crate) choice: u32,
}

/// A run, as it is planned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) deeds: Vec<Deed>,
    pub(crate) faults: Vec<Fault>,
}

/// About how many steps a run of one purchase takes.
const STEPS_PER_DEED: u64 = 90;

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ 0x51_4d_17);
        let deeds = deeds(seed, random.random_range(3..=9));
        let shape = Shape {
            shards: 2,
            processes: random.random_range(1..=2),
            lanes: random.random_range(1..=2),
            batch_records_max: [1, 3, 50][random.random_range(0..3)],
            linger_millis: [0, 5][random.random_range(0..2)],
            task_concurrency: [1, 8][random.random_range(0..2)],
            client_events: [1, 3, 1_000][random.random_range(0..3)],
            units: [3, 6, 1_000, 1_000][random.random_range(0..4)],
            opens_filled: random.random_bool(0.8),
            loss: [0.0, 0.1, 0.3][random.random_range(0..3)],
            behind: (random.random_bool(0.25))
                .then(|| (random.random_range(0..5), random.random_range(1..=2))),
        };
        let steps = STEPS_PER_DEED * deeds.len() as u64;
        let mut faults: Vec<Fault> = (0..random.random_range(2..=10))
            .map(|_| Fault {
                step: random.random_range(1..=steps),
                what: DRAWN[random.random_range(0..DRAWN.len())],
                group: random.random_range(0..5),
                choice: random.random(),
            })
            .collect();
        if let Some((group, _)) = shape.behind {
            faults.push(Fault {
                step: random.random_range(1..=steps),
                what: What::Upgrade,
                group,
                choice: 0,
            });
        }
        faults.sort_by_key(|fault| fault.step);
        Self {
            seed,
            shape,
            deeds,
            faults,
        }
    }

    /// What was bought, by purchase: of those that contradict each other, the first.
    pub(crate) fn bought(&self) -> BTreeMap<&str, &Purchase> {
        let mut bought = BTreeMap::new();
        for deed in &self.deeds {
            if let Deed::Buy { purchase, .. } = deed {
                let id = purchase.purchase_id.as_str();
                bought.entry(id).or_insert(purchase.as_ref());
            }
        }
        bought
    }

    /// The requests to cancel: their ids and the purchases.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.deeds.iter().filter_map(|deed| match deed {
            Deed::Cancel { request, .. } => {
                Some((request.event_id.as_str(), request.purchase_id.as_str()))
            }
            Deed::Buy { .. } | Deed::Poison(_) => None,
        })
    }

    /// What has to be on the shelves.
    pub(crate) fn wanted_skus(&self) -> BTreeSet<String> {
        let lines = self.deeds.iter().filter_map(|deed| match deed {
            Deed::Buy { purchase, .. } => Some(&purchase.lines),
            Deed::Cancel { .. } | Deed::Poison(_) => None,
        });
        lines
            .flatten()
            .map(|line| line.item_id.to_string())
            .collect()
    }

    /// How many records contradict an earlier one.
    pub(crate) fn conflicts(&self) -> usize {
        let is_conflict = |deed: &&Deed| {
            matches!(
                deed,
                Deed::Buy {
                    kind: Kind::Conflict,
                    ..
                }
            )
        };
        self.deeds.iter().filter(is_conflict).count()
    }
}

fn deeds(seed: u64, count: u64) -> Vec<Deed> {
    let mut shops = Shops::new(seed, START);
    shops.count = Some(count);
    shops.mix.v3 = 40;
    shops.shares.duplicates = 0.1;
    shops.shares.conflicts = 0.05;
    shops.shares.declined = 0.1;
    shops.shares.out_of_stock = 0.1;
    shops.shares.cancelled = 0.2;
    shops.shares.cancelled_early = 0.05;
    shops.shares.poison = 0.05;
    Shop::new(&shops)
        .map(|action: Action| action.deed)
        .collect()
}
