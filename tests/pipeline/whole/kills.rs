//! Members of every group that are killed with SIGKILL and started again, over and over.
//!
//! A group is given time to recover in between: a member that is killed before it is assigned anything is
//! never at work. One with a name that is kept comes back to its own shards at once; one without is waited
//! for until its session has timed out, and its shards go to the other. So the first is killed more often.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::members::{GROUPS, Pipeline};

/// Of so many kills of a group, one takes the member without a name.
const TURNS: u32 = 4;

/// The kills of a run.
pub(crate) struct Kills {
    every: Duration,
    of_groups: Vec<OfGroup>,
}

struct OfGroup {
    group: &'static str,
    kills: u32,
    last: Instant,
}

impl Kills {
    /// In every group one so often.
    pub(crate) fn new(every: Duration) -> Self {
        let of_group = |(group, _): &(&'static str, _)| OfGroup {
            group,
            kills: 0,
            last: Instant::now(),
        };
        Self {
            every,
            of_groups: GROUPS.iter().map(of_group).collect(),
        }
    }

    /// Kills what is due.
    pub(crate) fn go_on(&mut self, pipeline: &mut Pipeline) {
        for of_group in &mut self.of_groups {
            let is_due = of_group.last.elapsed() >= self.every;
            if is_due && pipeline.is_group_ready(of_group.group) {
                let is_nameless = of_group.kills % TURNS == TURNS - 1;
                pipeline.kill_and_restart(of_group.group, usize::from(is_nameless));
                of_group.kills += 1;
                of_group.last = Instant::now();
            }
        }
    }

    /// Whether every group has lost a member at least once.
    pub(crate) fn has_met_every_group(&self) -> bool {
        self.of_groups.iter().all(|of_group| of_group.kills > 0)
    }
}

impl fmt::Debug for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills = self.of_groups.iter().map(|one| (one.group, one.kills));
        f.debug_map().entries(kills).finish()
    }
}
