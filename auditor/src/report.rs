//! What the audit found: per promise what was counted, and by name what breaks it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;

use crate::{
    telling::{Telling, Told},
    unexplained::Unexplained,
};

/// The verdict when no promise is broken.
pub const CLEAN: &str = "nothing lost, nothing doubled, nothing invented";

/// How many breaches of one promise are named; all are counted.
const NAMED_MAX: usize = 200;

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// What was accepted reaches every group.
    AcceptedIsKept,
    /// One charge, one reservation, one shipment.
    Once,
    /// Every statement has its origin.
    NothingInvented,
    /// The ledger, and the provider's.
    Money,
    /// Stock is the fold of its movements.
    Stock,
    /// Goods leave paid and reserved.
    Dispatch,
    /// Every record is accounted for.
    Accounting,
    /// Analytics can be computed again.
    Analytics,
    /// Every fact is in the timeline.
    Timeline,
    /// Nothing is left unexplained.
    Finished,
}

impl Promise {
    /// All promises, in the order of the report.
    pub const ALL: [Self; 10] = [
        Self::AcceptedIsKept,
        Self::Once,
        Self::NothingInvented,
        Self::Money,
        Self::Stock,
        Self::Dispatch,
        Self::Accounting,
        Self::Analytics,
        Self::Timeline,
        Self::Finished,
    ];

    /// Its name in the report.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::AcceptedIsKept => "accepted is kept",
            Self::Once => "once",
            Self::NothingInvented => "nothing invented",
            Self::Money => "money",
            Self::Stock => "stock",
            Self::Dispatch => "order and dispatch",
            Self::Accounting => "accounting",
            Self::Analytics => "analytics",
            Self::Timeline => "timeline",
            Self::Finished => "nothing left unexplained",
        }
    }
}

/// Something that breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Whom it is about: a purchase, a SKU, a position or a window.
    pub subject: String,
    /// What is wrong, in one line.
    pub what: String,
}

/// What was found about one promise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// What was counted.
    pub counted: BTreeMap<String, i64>,
    /// How many breaches there are.
    pub breaches: u64,
    /// The first of them, by name.
    pub named: Vec<Breach>,
}

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`CLEAN`], what is wrong in one line, or what cannot be told any more.
    pub verdict: String,
    /// Per promise.
    pub promises: BTreeMap<Promise, Findings>,
    /// What is not provable any more, because the records that would prove it are gone from their
    /// topics.
    pub unproven: BTreeMap<String, i64>,
    /// What has not come to an end, within the grace or not.
    pub unexplained: Unexplained,
    /// How many breaches are breaches only because the grace has passed.
    pub overdue: u64,
    /// What an audit that goes on tells of.
    #[serde(skip)]
    pub(crate) telling: Option<Telling>,
}

impl Default for Report {
    fn default() -> Self {
        let promises = Promise::ALL.map(|promise| (promise, Findings::default()));
        Self {
            verdict: String::new(),
            promises: promises.into(),
            unproven: BTreeMap::new(),
            unexplained: Unexplained::default(),
            overdue: 0,
            telling: None,
        }
    }
}

impl Report {
    /// One that tells what is new after what was told before.
    pub(crate) fn telling(before: &Arc<Told>) -> Self {
        Self {
            telling: Some(Telling::after(before)),
            ..Self::default()
        }
    }

    /// What was found about a promise.
    #[must_use]
    pub fn of(&self, promise: Promise) -> &Findings {
        &self.promises[&promise]
    }

    /// How many breaches there are in all.
    #[must_use]
    pub fn breaches(&self) -> u64 {
        self.promises.values().map(|found| found.breaches).sum()
    }

    /// Whether every promise holds.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.breaches() == 0
    }

    /// The exit code: 0 when every promise holds, 1 when one is broken. (2, that it could not look,
    /// is the caller's for [`crate::AuditError`].)
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.is_clean())
    }

    /// Counts something.
    pub(crate) fn count(&mut self, promise: Promise, what: impl Into<String>, n: i64) {
        let found = self.promises.entry(promise).or_default();
        *found.counted.entry(what.into()).or_default() += n;
    }

    /// Counts something that is not provable any more.
    pub(crate) fn unproven(&mut self, what: impl Into<String>, n: i64) {
        *self.unproven.entry(what.into()).or_default() += n;
    }

    /// Notes a breach.
    pub(crate) fn breach(
        &mut self,
        promise: Promise,
        subject: impl Into<String>,
        what: impl Into<String>,
    ) {
        self.note(promise, subject.into(), what.into(), false);
    }

    /// Notes a breach that is one only because the grace has passed, and that can still heal.
    pub(crate) fn overdue(
        &mut self,
        promise: Promise,
        subject: impl Into<String>,
        what: impl Into<String>,
    ) {
        self.overdue += 1;
        self.note(promise, subject.into(), what.into(), true);
    }

    fn note(&mut self, promise: Promise, subject: String, what: String, overdue: bool) {
        let breach = Breach { subject, what };
        if let Some(telling) = &mut self.telling {
            telling.note(promise, &breach, overdue);
        }
        let found = self.promises.entry(promise).or_default();
        found.breaches += 1;
        if found.named.len() < NAMED_MAX {
            found.named.push(breach);
        }
    }

    /// Notes a breach unless something holds.
    pub(crate) fn require(
        &mut self,
        holds: bool,
        promise: Promise,
        subject: &str,
        otherwise: impl FnOnce() -> String,
    ) {
        if !holds {
            self.breach(promise, subject, otherwise());
        }
    }

    /// Writes the verdict, once everything is looked at.
    pub(crate) fn close(&mut self) {
        let gone: Vec<String> = (self.unproven.iter())
            .map(|(what, n)| format!("{n} {what}"))
            .collect();
        self.verdict = if self.is_clean() && gone.is_empty() {
            CLEAN.to_owned()
        } else if self.is_clean() {
            format!(
                "{CLEAN}, as far as the topics still tell; not provable any more: {}",
                gone.join(", ")
            )
        } else {
            let broken: Vec<&str> = (self.promises.iter())
                .filter(|(_, found)| found.breaches > 0)
                .map(|(promise, _)| promise.title())
                .collect();
            format!("{} breaches of: {}", self.breaches(), broken.join(", "))
        };
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (promise, found) in &self.promises {
            let state = if found.breaches == 0 {
                "holds"
            } else {
                "BROKEN"
            };
            writeln!(f, "{:<26}{state}", promise.title())?;
            for (what, n) in &found.counted {
                writeln!(f, "    {n:>12}  {what}")?;
            }
            for breach in &found.named {
                writeln!(f, "    BREACH  {}: {}", breach.subject, breach.what)?;
            }
            let unnamed = found.breaches - found.named.len() as u64;
            if unnamed > 0 {
                writeln!(f, "    BREACH  and {unnamed} more")?;
            }
        }
        if !self.unproven.is_empty() {
            writeln!(f, "not provable any more")?;
        }
        for (what, n) in &self.unproven {
            writeln!(f, "    {n:>12}  {what}")?;
        }
        write!(f, "{}", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_breaches_says_exactly_the_three_words() {
        let mut report = Report::default();
        report.count(Promise::Once, "purchases", 3);
        report.close();
        assert_eq!(
            report.verdict,
            "nothing lost, nothing doubled, nothing invented"
        );
        assert_eq!(report.exit_code(), 0);
    }

    #[test]
    fn what_is_not_provable_any_more_is_a_part_of_the_verdict() {
        let mut report = Report::default();
        report.unproven("windows", 2);
        report.unproven("windows", 1);
        report.close();
        assert!(report.verdict.starts_with(CLEAN));
        assert!(report.verdict.ends_with("not provable any more: 3 windows"));
        assert!(report.to_string().contains("3  windows"));
        assert_eq!(report.exit_code(), 0);
    }

    #[test]
    fn breaches_beyond_the_named_ones_are_counted_and_said() {
        let mut report = Report::default();
        for n in 0..NAMED_MAX + 7 {
            report.breach(Promise::Money, format!("p{n}"), "wrong");
        }
        report.close();
        assert_eq!(report.of(Promise::Money).named.len(), NAMED_MAX);
        assert!(report.to_string().contains("and 7 more"));
        assert_eq!(report.exit_code(), 1);
    }
}
