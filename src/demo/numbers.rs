//! What the groups have done so far, read from their databases and the ends of their topics.

use std::collections::BTreeMap;

use anyhow::Result;
use runtime::{
    kafka::scan::Scanner,
    store::{Cells, Kind, Mode, Statement, Store},
};

use super::world::{GROUPS, World};

/// The numbers of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfGroup {
    pub(super) applied: i64,
    pub(super) duplicates: i64,
    pub(super) ignored: i64,
    pub(super) set_aside: i64,
    pub(super) parked: i64,
    pub(super) lag: i64,
    /// Tasks without an answer.
    pub(super) tasks: i64,
    /// Events that are committed and not known to be published.
    pub(super) unpublished: i64,
}

/// The numbers of all groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) groups: BTreeMap<&'static str, OfGroup>,
    /// Records on the topic of purchases.
    pub(super) published: i64,
}

const COUNTS: &str = "SELECT COALESCE(SUM(applied), 0), COALESCE(SUM(duplicates), 0), \
                      COALESCE(SUM(ignored), 0), COALESCE(SUM(set_aside), 0), \
                      COALESCE(SUM(parked), 0), \
                      (SELECT COUNT(*) FROM tasks WHERE state = 'waiting'), \
                      (SELECT COALESCE(SUM(next_sequence - 1 - published_sequence), 0) \
                       FROM shards) FROM positions";

const POSITIONS: &str = "SELECT topic, partition, next_offset FROM positions";

impl Numbers {
    pub(super) async fn read(world: &World) -> Result<Self> {
        let ends = ends(world).await?;
        let of_purchases = ends
            .iter()
            .filter(|((topic, _), _)| topic == schemas::topics::PURCHASES);
        let published = of_purchases.map(|(_, (_, end))| end).sum();
        let mut numbers = Self {
            groups: BTreeMap::new(),
            published,
        };
        for group in GROUPS {
            let of_group = of_group(world.store(group).as_ref(), group, &ends).await?;
            numbers.groups.insert(group, of_group);
        }
        Ok(numbers)
    }

    /// The share of what the shops will publish that is on its topic, roughly: repeats count too.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share for pacing; counts are far below 2^52"
    )]
    pub(super) fn share_published(&self, wanted: u64) -> f64 {
        self.published as f64 / wanted.max(1) as f64
    }

    /// A line on the traffic.
    pub(super) fn progress(&self, wanted: u64) -> String {
        format!("{} records published of about {wanted}", self.published)
    }

    /// Whether every group has read everything, and has nothing left to ask or to publish.
    pub(super) fn is_quiet(&self) -> bool {
        let quiet = |one: &OfGroup| one.lag == 0 && one.tasks == 0 && one.unpublished == 0;
        !self.groups.is_empty() && self.groups.values().all(quiet)
    }

    /// What all groups have left: records to read, tasks without an answer, events to publish.
    pub(super) fn left(&self) -> (i64, i64, i64) {
        let all = self.groups.values();
        all.fold((0, 0, 0), |(records, tasks, events), one| {
            (
                records + one.lag,
                tasks + one.tasks,
                events + one.unpublished,
            )
        })
    }

    /// What is still open, for a person.
    pub(super) fn open_work(&self) -> String {
        let open = self.groups.iter().map(|(group, one)| {
            let OfGroup {
                lag,
                tasks,
                unpublished,
                ..
            } = one;
            format!("{group} lag {lag}, tasks {tasks}, unpublished {unpublished}")
        });
        open.collect::<Vec<_>>().join("; ")
    }
}

/// The ends of all topics that any group reads.
async fn ends(world: &World) -> Result<BTreeMap<(String, i32), (i64, i64)>> {
    let (bootstrap, partitions) = (world.bootstrap_servers(), world.partitions());
    tokio::task::spawn_blocking(move || {
        let scanner = Scanner::connect(&bootstrap, &BTreeMap::new())?;
        let mut ends = BTreeMap::new();
        for topic in topics() {
            for partition in 0..partitions {
                let bounds = scanner.bounds(topic, partition)?;
                ends.insert((topic.to_owned(), partition), bounds);
            }
        }
        for ((topic, partition), (first, _)) in &ends {
            anyhow::ensure!(
                *first == 0,
                "the in-process cluster dropped records of {topic}[{partition}]: \
                 this run is too large for it"
            );
        }
        Ok(ends)
    })
    .await?
}

fn topics() -> [&'static str; 5] {
    use schemas::topics::{PAYMENTS, PURCHASES, RESERVATIONS, SHIPMENTS, STOCK};
    [PURCHASES, PAYMENTS, RESERVATIONS, SHIPMENTS, STOCK]
}

/// Whether a group reads a topic, as its wiring says.
fn reads(group: &str, topic: &str) -> bool {
    let topics: &[&str] = match group {
        "payment" => &payment::TOPICS,
        "inventory" => &inventory::TOPICS,
        "dispatch" => &dispatch::TOPICS,
        "timeline" => &timeline::TOPICS,
        _ => &analytics::TOPICS,
    };
    topics.contains(&topic)
}

async fn of_group(
    store: &dyn Store,
    group: &str,
    ends: &BTreeMap<(String, i32), (i64, i64)>,
) -> Result<OfGroup> {
    let mut transaction = store.begin(Mode::Snapshot).await?;
    let statement = Statement::new(COUNTS, COUNTS);
    let counts = transaction
        .query(&statement, vec![], &[Kind::Long; 7])
        .await?;
    let count = |column: usize| match counts.get(column) {
        Some(Cells::Long(values)) => values.first().copied().flatten().unwrap_or(0),
        _ => 0,
    };
    let statement = Statement::new(POSITIONS, POSITIONS);
    let kinds = [Kind::Text, Kind::Long, Kind::Long];
    let positions = transaction.query(&statement, vec![], &kinds).await?;
    transaction.commit().await?;
    let end_of_all: i64 = ends
        .iter()
        .filter(|((topic, _), _)| reads(group, topic))
        .map(|(_, ends)| ends.1)
        .sum();
    let read: i64 = match positions.get(2) {
        Some(Cells::Long(offsets)) => offsets.iter().flatten().sum(),
        _ => 0,
    };
    Ok(OfGroup {
        applied: count(0),
        duplicates: count(1),
        ignored: count(2),
        set_aside: count(3),
        parked: count(4),
        tasks: count(5),
        unpublished: count(6),
        // The ends were read a moment earlier, and the group may be past them.
        lag: (end_of_all - read).max(0),
    })
}
