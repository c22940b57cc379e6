//! What was done to the pipeline, counted, and what follows from it when nothing was harmed.

use std::{collections::BTreeMap, fmt};

use harness::proxy::Fault;

use super::schedule::Trouble;

/// The kills and the troubles of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// By name of the process.
    pub(super) killed: BTreeMap<String, u32>,
    /// By the way in which it died. A whole group is one death.
    pub(super) deaths: BTreeMap<&'static str, u32>,
    /// By kind.
    pub(super) troubles: BTreeMap<&'static str, u32>,
    /// Batches of members that were taken for dead, and refused.
    pub(super) fenced: u64,
}

impl Tally {
    /// How many processes were killed, those of services included.
    pub(super) fn kills(&self) -> u32 {
        self.killed.values().sum()
    }

    /// How often something else was wrong.
    pub(super) fn troubles(&self) -> u32 {
        self.troubles.values().sum()
    }

    pub(super) fn died(&mut self, way: &'static str) {
        *self.deaths.entry(way).or_default() += 1;
    }

    pub(super) fn count(&mut self, trouble: Trouble) {
        *self.troubles.entry(kind(trouble)).or_default() += 1;
    }

    /// What each way to die supports, as `42 member at work (< 6.9 %)`. One kill is not like another, so
    /// the bound of all together says less than it seems to.
    pub(super) fn by_death(&self) -> String {
        let ways = self.deaths.iter().map(|(way, times)| {
            let below = failure_below(*times) * 100.0;
            format!("{times} {way} (< {below:.1} %)")
        });
        ways.collect::<Vec<_>>().join(", ")
    }
}

/// With failures in none of so many kills, the probability that one fails is below this, at a confidence
/// of 95 %: (1 - p)^n = 0.05, of which 3 / n is the well-known approximation.
pub(super) fn failure_below(kills: u32) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / f64::from(kills.max(1)))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kills, troubles) = (self.kills(), self.troubles());
        write!(f, "{kills} kills, {troubles} other faults")
    }
}

/// What kind of trouble it is.
pub(super) fn kind(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Stopped(_) => "stopped",
        Trouble::Network(_, Fault::Latency(_)) => "slow",
        Trouble::Network(_, Fault::Cut) => "cut off",
        Trouble::Network(_, Fault::CutToServer) => "not heard",
        Trouble::Network(_, Fault::CutToClient) => "without answers",
        Trouble::Network(_, Fault::Reset) => "reset",
        Trouble::Network(_, Fault::DropReply) => "replies dropped",
        Trouble::Network(..) => "other",
    }
}

#[test]
fn the_bound_is_the_rule_of_three() {
    for (kills, below) in [(1, 0.95), (100, 0.0295), (3_000, 0.000_998)] {
        assert!((failure_below(kills) - below).abs() < below / 100.0);
        assert!(failure_below(kills) <= 3.0 / f64::from(kills));
    }
}
