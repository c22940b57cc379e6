//! Audits again and again while the pipeline runs.
//!
//! **Why nothing that is merely under way is called lost, and nothing lost is excused for ever.**
//! Every round looks in this order: (1) where the topics end, (2) each database in one snapshot of
//! its own, (3) the journals of the witnesses, (4) the topics to where they end by then, (5) the
//! dead-letter topics. What is stated in one place is compared only with places in which it must
//! have been stated *before*:
//!
//! - A record before the ends of (1) was written by its group's database before it was published,
//!   so the snapshot of (2), which is later, has its journal row: where it has none, it was invented.
//!   Taken the other way round, a fact of the time in between would have been called invented.
//! - What a snapshot says was published, read or decided stood on the topics before (2), so (4),
//!   which is later, reads it: where it is missing, it was lost. Had the topics been read first, it
//!   would have been called lost for having been published a moment ago.
//! - What a journal of (3) says was acknowledged is on the topics by (4); what a snapshot of (2) says
//!   the provider did is in its journal by (3).
//! - A record behind the ends of (1) may be younger than a snapshot, and younger than the end of a
//!   topic that was read before its own: its cause may seem to be missing. It makes its purchase
//!   *young* and *open*: what joins statements of several topics, or of several groups, is not judged
//!   for it. The next round notes its ends behind that record, so this excuse lasts one round.
//! - The five snapshots are of five moments. Rows of different groups are compared only where both
//!   have come to an end, and an end is left only for another that a record on a topic brings about.
//!
//! What then remains unexplained waits for something by name (a record that a group has not read, a
//! task, an event that is not published, a group that stands short of an end) and has an age from
//! the first record about it. The age is reported and is no breach, but it never starts anew: what
//! is lost without a trace is the purchase whose age grows. With a grace, what is older is a breach.

use std::collections::HashSet;

use serde::Serialize;

use crate::{
    AuditError, Inputs,
    look::{Memory, look},
    report::{Breach, Promise, Report},
    topics::digest,
};

/// A breach that was not there in the rounds before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The promise that is broken.
    pub promise: Promise,
    /// Whom it is about, and what is wrong.
    #[serde(flatten)]
    pub breach: Breach,
}

/// What a round found.
#[derive(Debug, Clone)]
pub struct Round {
    /// Everything, as of one audit.
    pub report: Report,
    /// What is new since the round before.
    pub new: Vec<Finding>,
}

/// An audit that goes on.
///
/// **What it keeps.** A round reads of the topics only what is new: what was read before stands in
/// temporary files, as it came (some 4 kB for each purchase). The databases are read anew in every
/// round, because any row may have changed. In memory it holds 40 bytes for each dead letter and eight
/// for each breach that it has named. Nothing is forgotten: a record or a row that comes late is held
/// against all that was ever said of its purchase, also what its topic has lost meanwhile.
pub struct Follower {
    inputs: Inputs,
    memory: Memory,
    named: HashSet<u64>,
    /// Whether something was broken that cannot heal.
    is_broken: bool,
    /// Whether the last round found something left unexplained for longer than the grace.
    is_overdue: bool,
}

impl Follower {
    /// Nothing was looked at yet.
    #[must_use]
    pub fn new(inputs: Inputs) -> Self {
        Self {
            inputs,
            memory: Memory::kept(),
            named: HashSet::new(),
            is_broken: false,
            is_overdue: false,
        }
    }

    /// Looks at everything once; `now` in microseconds since the epoch.
    ///
    /// # Errors
    /// [`AuditError`] when something cannot be read; the next round may be able to.
    pub async fn round(&mut self, now: i64) -> Result<Round, AuditError> {
        self.inputs.now = now;
        let report = look(&self.inputs, &mut self.memory, &mut |_| {}).await?;
        let mut new = Vec::new();
        for (promise, found) in &report.promises {
            let first = |breach: &&Breach| self.named.insert(name_of(*promise, breach));
            new.extend(found.named.iter().filter(first).map(|breach| Finding {
                promise: *promise,
                breach: breach.clone(),
            }));
        }
        self.is_overdue = report.overdue > 0;
        self.is_broken |= report.breaches() > report.overdue;
        Ok(Round { report, new })
    }

    /// Whether a promise is broken: by anything that was ever found and cannot heal, or by what the
    /// last round found left unexplained.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken || self.is_overdue
    }
}

/// What tells a breach from others. Amounts and ages change from round to round, so numbers do not
/// count.
fn name_of(promise: Promise, breach: &Breach) -> u64 {
    let words: String = (breach.what.chars())
        .filter(|c| !c.is_ascii_digit())
        .collect();
    let parts = [promise.title(), breach.subject.as_str(), words.as_str()];
    digest(&parts.map(|part| Some(part.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::{Breach, Promise, name_of};

    #[test]
    fn a_breach_keeps_its_name_while_its_numbers_move() {
        let named = |promise, subject: &str, what: &str| {
            let (subject, what) = (subject.to_owned(), what.to_owned());
            name_of(promise, &Breach { subject, what })
        };
        let sum = named(Promise::Money, "USD", "the ledger adds up to 35");
        assert_eq!(sum, named(Promise::Money, "USD", "the ledger adds up to 7"));
        for other in [
            named(Promise::Once, "USD", "the ledger adds up to 35"),
            named(Promise::Money, "EUR", "the ledger adds up to 35"),
            named(Promise::Money, "USD", "another sum of 35"),
        ] {
            assert_ne!(sum, other);
        }
    }
}
