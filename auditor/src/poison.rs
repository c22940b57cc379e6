//! Records that somebody published although nobody can read them, to see them set aside: each that
//! was acknowledged is on its topic, and every group that came to it has set it aside for the reason
//! that was expected.
//!
//! **Memory.** A line for each intent of poison.

use std::collections::{HashMap, HashSet};

use crate::{
    Group,
    checks::Around,
    report::{Promise, Report},
    shard::{Shard, Standing},
};

/// An intent to publish a record that must be set aside.
#[derive(Debug, Clone)]
pub(crate) struct Poison {
    pub(crate) kind: String,
    pub(crate) event_id: String,
    pub(crate) reason: Option<String>,
    pub(crate) outcome: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Poisons {
    /// By what tells the record on its topic.
    intended: HashMap<u64, Poison>,
    /// Of intents whose record cannot be told: an older journal.
    untold: i64,
}

impl Poisons {
    /// Takes note of an intent.
    pub(crate) fn intend(&mut self, content: Option<u64>, poison: Poison) {
        match content {
            Some(content) => {
                self.intended.insert(content, poison);
            }
            None => self.untold += 1,
        }
    }

    /// Whether a record is looked for at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.intended.is_empty()
    }

    /// Whether a record is one of them.
    pub(crate) fn has(&self, content: u64) -> bool {
        self.intended.contains_key(&content)
    }

    /// Names what was acknowledged and never arrived; `found` are the records that were.
    pub(crate) fn check(&self, found: &HashSet<u64>, may_be_gone: bool, report: &mut Report) {
        let promise = Promise::AcceptedIsKept;
        for (content, poison) in &self.intended {
            report.count(promise, format!("intents of poison {}", poison.outcome), 1);
            let acknowledged = matches!(poison.outcome.as_str(), "stored" | "spooled" | "accepted");
            if !acknowledged || found.contains(content) {
                continue;
            }
            if may_be_gone {
                report.unproven("intents of poison whose record may be gone", 1);
                continue;
            }
            let what = format!(
                "lost: poison {} was {} and is on no topic",
                poison.kind, poison.outcome
            );
            report.breach(promise, &poison.event_id, what);
        }
        if self.untold > 0 {
            let what = "intents of poison without a fingerprint, not looked for";
            report.count(promise, what, self.untold);
        }
    }
}

/// Compares a shard's poison with what groups set aside; adds what is found to `found`.
pub(crate) fn check_shard(
    shard: &Shard,
    around: &Around<'_>,
    found: &mut HashSet<u64>,
    report: &mut Report,
) {
    let poisons = &around.books.poisons;
    for (at, content) in &shard.poisoned {
        let Some(poison) = poisons.intended.get(content) else {
            continue;
        };
        found.insert(*content);
        let Some(expected) = &poison.reason else {
            continue;
        };
        let subject = format!("{}[{}]@{}", at.topic, shard.number, at.offset);
        for group in Group::ALL.into_iter().filter(|group| group.reads(at.topic)) {
            // That a group took it in is named as such, whoever intended it.
            let Standing::SetAside(reason) = shard.standing(group, *at, around.books) else {
                continue;
            };
            report.count(Promise::Accounting, "poison set aside as intended", 1);
            report.require(reason == *expected, Promise::Accounting, &subject, || {
                format!(
                    "{} is set aside by {group} as {reason}, not as {expected}",
                    poison.kind
                )
            });
        }
    }
    if !around.has_intents || poisons.untold > 0 {
        return;
    }
    for record in &shard.unreadable {
        let at = record.at;
        // It may be younger than the journal as it was read.
        if at.offset >= around.layout.of(at.topic, shard.number).noted_end {
            continue;
        }
        let intended = shard.poisoned.iter().any(|(place, _)| *place == at);
        let subject = format!("{}[{}]@{}", at.topic, shard.number, at.offset);
        report.require(intended, Promise::NothingInvented, &subject, || {
            "nobody can read it, and nobody intended it".to_owned()
        });
    }
}
