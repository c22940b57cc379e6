//! Which breaches an audit that goes on has told of. Each is told once, however many others stand
//! beside it: a report names the first of each promise, and what is new may come behind them.
//!
//! Separate from the report: a report is of one round, and what was told is of all rounds. A round
//! that could not look at everything changes nothing here, so what it found is told by the next one.
//!
//! **Memory.** Eight bytes for each breach that was told.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::Serialize;

use crate::{
    report::{Breach, Promise},
    topics::digest,
};

/// So many new breaches of a promise are told by one round; the next rounds tell of the others.
const TOLD_MAX: usize = 200;

/// A breach that was not there in the rounds before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The promise that is broken.
    pub promise: Promise,
    /// Whether it is a breach only because the grace has passed, and can still be explained.
    pub overdue: bool,
    /// Whom it is about, and what is wrong.
    #[serde(flatten)]
    pub breach: Breach,
}

/// What was told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// What cannot heal.
    lasting: HashSet<u64>,
    /// What was left unexplained in the last round: once explained it is forgotten, and new when it
    /// comes again.
    overdue: HashSet<u64>,
}

/// What one round tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Telling {
    before: Arc<Told>,
    now: Told,
    new: Vec<Finding>,
    counts: BTreeMap<Promise, usize>,
}

impl Telling {
    pub(crate) fn after(before: &Arc<Told>) -> Self {
        Self {
            before: Arc::clone(before),
            ..Self::default()
        }
    }

    /// Takes note of a breach.
    pub(crate) fn note(&mut self, promise: Promise, breach: &Breach, overdue: bool) {
        let name = name_of(promise, breach, overdue);
        let (before, now) = match overdue {
            true => (&self.before.overdue, &mut self.now.overdue),
            false => (&self.before.lasting, &mut self.now.lasting),
        };
        if before.contains(&name) {
            if overdue {
                now.insert(name);
            }
            return;
        }
        let count = self.counts.entry(promise).or_default();
        if *count < TOLD_MAX && now.insert(name) {
            *count += 1;
            self.new.push(Finding {
                promise,
                overdue,
                breach: breach.clone(),
            });
        }
    }

    /// What is new, and what was told of by the end of this round.
    pub(crate) fn end(self) -> (Vec<Finding>, Told) {
        let Self {
            before, now, new, ..
        } = self;
        let mut told = Arc::unwrap_or_clone(before);
        told.lasting.extend(now.lasting);
        told.overdue = now.overdue;
        (new, told)
    }
}

/// What tells a breach from others. Amounts, counts and ages change from round to round, so numbers
/// that stand alone do not count; those of an offset, a partition or an id do. What is left
/// unexplained is told by whom it is about: what it waits for changes.
fn name_of(promise: Promise, breach: &Breach, overdue: bool) -> u64 {
    let words = match overdue && promise == Promise::Finished {
        true => String::new(),
        false => without_amounts(&breach.what),
    };
    let parts = [promise.title(), breach.subject.as_str(), words.as_str()];
    digest(&parts.map(|part| Some(part.as_bytes())))
}

/// A text without the numbers that stand alone and are no item's.
fn without_amounts(text: &str) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || "@[#_-:/\"".contains(c);
    let mut kept = String::new();
    let mut last = "";
    for word in text.split_inclusive(|c| !is_of_word(c)) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && !"@[\"".contains(c));
        let is_number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
        if !is_number || matches!(last, "item" | "sku") {
            kept.push_str(word);
        }
        last = bare;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach(subject: &str, what: &str) -> Breach {
        let (subject, what) = (subject.to_owned(), what.to_owned());
        Breach { subject, what }
    }

    #[test]
    fn a_breach_keeps_its_name_while_its_numbers_move() {
        let named = |promise, subject, what| name_of(promise, &breach(subject, what), false);
        let sum = named(Promise::Money, "USD", "the ledger adds up to 35");
        assert_eq!(
            sum,
            named(Promise::Money, "USD", "the ledger adds up to -7")
        );
        for other in [
            named(Promise::Once, "USD", "the ledger adds up to 35"),
            named(Promise::Money, "EUR", "the ledger adds up to 35"),
            named(Promise::Money, "USD", "another sum of 35"),
        ] {
            assert_ne!(sum, other);
        }
    }

    #[test]
    fn offsets_partitions_and_ids_tell_breaches_from_each_other() {
        for (one, other) in [
            ("lost: e at t@17 is no entry", "lost: e at t@18 is no entry"),
            ("differs from t[1]@7", "differs from t[2]@7"),
            ("lost: 0a1 was published", "lost: 0a2 was published"),
            ("key p-1:capture twice", "key p-2:capture twice"),
            ("item 7 in USD: has 1", "item 8 in USD: has 1"),
            ("for want of {\"7\": 1}", "for want of {\"8\": 1}"),
        ] {
            let named = |what| name_of(Promise::Timeline, &breach("p", what), false);
            assert_ne!(named(one), named(other), "{one}");
        }
    }

    #[test]
    fn what_is_new_is_told_behind_any_number_that_stands() {
        let mut told = Arc::new(Told::default());
        let round = |told: &mut Arc<Told>, subjects: std::ops::Range<usize>| {
            let mut telling = Telling::after(told);
            for n in subjects {
                telling.note(Promise::Money, &breach(&format!("p{n}"), "wrong"), false);
            }
            let (new, after) = telling.end();
            *told = Arc::new(after);
            new
        };
        let all = TOLD_MAX + 50;
        assert_eq!(round(&mut told, 0..all).len(), TOLD_MAX);
        assert_eq!(round(&mut told, 0..all).len(), 50, "the others come next");
        assert!(round(&mut told, 0..all).is_empty());
        let new = round(&mut told, 0..all + 1);
        assert_eq!((new.len(), new[0].breach.subject.as_str()), (1, "p250"));
    }

    #[test]
    fn what_was_explained_meanwhile_is_told_again() {
        let mut told = Arc::new(Told::default());
        let mut round = |whats: &[&str]| {
            let mut telling = Telling::after(&told);
            for what in whats {
                telling.note(Promise::Finished, &breach("p", what), true);
            }
            let (new, after) = telling.end();
            told = Arc::new(after);
            new.len()
        };
        assert_eq!(round(&["left unexplained: payment has not read it"]), 1);
        assert_eq!(round(&["left unexplained: payment waits"]), 0, "the same");
        assert_eq!(round(&[]), 0);
        assert_eq!(round(&["left unexplained: payment waits"]), 1);
    }
}
