//! What a run did: counts, and the purchases that are special, as far as a report can hold them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Deed, Kind};
use crate::journal::Outcome;

/// So many ids of each kind are named; the journal has all.
const NAMED_MAX: usize = 1_000;

/// The outcome of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Everything that was tried.
    pub actions: u64,
    /// Purchases by the version that the shop wrote.
    pub by_version: BTreeMap<u8, u64>,
    /// Purchases by what is special about them.
    pub by_kind: BTreeMap<String, u64>,
    /// Cancellations.
    pub cancellations: u64,
    /// Poison by what is wrong with it.
    pub poison: BTreeMap<String, u64>,
    /// Poison by its topic, and by the reason with which readers have to set it aside.
    pub expected_reasons: BTreeMap<String, BTreeMap<String, u64>>,
    /// Actions by what became of them.
    pub outcomes: BTreeMap<String, u64>,
    /// Purchase ids by what is special about them (`conflict`, `declined`, `cancelled`, ...), the
    /// first thousand of each.
    pub special: BTreeMap<String, Vec<String>>,
    /// How long it took.
    pub seconds: f64,
}

impl Report {
    /// Actions per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.actions as f64 / self.seconds.max(0.001)
    }

    pub(crate) fn count(&mut self, action: &Action, outcome: Outcome) {
        self.actions += 1;
        *self
            .outcomes
            .entry(outcome.as_str().to_owned())
            .or_default() += 1;
        match &action.deed {
            Deed::Buy { purchase, kind } => {
                *self.by_version.entry(purchase.written_version).or_default() += 1;
                *self.by_kind.entry(kind.as_str().to_owned()).or_default() += 1;
                if *kind != Kind::Ordinary {
                    self.name(kind.as_str(), &purchase.purchase_id);
                }
            }
            Deed::Cancel { request, .. } => {
                self.cancellations += 1;
                self.name("cancelled", &request.purchase_id);
            }
            Deed::Poison(poison) => {
                *self.poison.entry(poison.kind.to_owned()).or_default() += 1;
                let of_topic = self.expected_reasons.entry(poison.record.topic.clone());
                *(of_topic.or_default())
                    .entry(poison.reason.to_owned())
                    .or_default() += 1;
            }
        }
        if outcome == Outcome::Unknown
            && let Deed::Buy { purchase, .. } = &action.deed
        {
            self.name("unknown", &purchase.purchase_id);
        }
    }

    fn name(&mut self, kind: &str, purchase_id: &str) {
        let named = self.special.entry(kind.to_owned()).or_default();
        if named.len() < NAMED_MAX {
            named.push(purchase_id.to_owned());
        }
    }
}
