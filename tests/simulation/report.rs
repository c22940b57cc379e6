//! What runs have added up to.

use std::{collections::BTreeMap, fmt};

use crate::run::Outcome;

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) seeds: u64,
    steps: u64,
    longest: u64,
    commits: u64,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) ends: BTreeMap<String, u64>,
}

impl Report {
    /// Adds a run; what it has broken is the error.
    pub(crate) fn add(&mut self, outcome: Outcome) -> Result<(), String> {
        let ends = outcome.result?;
        self.seeds += 1;
        self.steps += outcome.steps;
        self.longest = self.longest.max(outcome.steps);
        self.commits += outcome.commits;
        for (what, count) in outcome.counts {
            *self.counts.entry(what).or_default() += count;
        }
        for (end, count) in ends {
            *self.ends.entry(end).or_default() += count;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds, {} steps (the longest {}), {} commits",
            self.seeds, self.steps, self.longest, self.commits
        )?;
        for (what, count) in &self.counts {
            write!(f, ", {count} {what}")?;
        }
        write!(f, "; purchases")?;
        for (end, count) in &self.ends {
            write!(f, " {end} {count}")?;
        }
        Ok(())
    }
}
