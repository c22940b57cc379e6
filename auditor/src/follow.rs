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
//! - What a journal of (3) says that Kafka acknowledged is on the topics by (4); what a spool did waits
//!   for the broker to take it. What a snapshot of (2) says the provider did is in its journal by (3).
//! - A fact behind the ends of (1) may be younger than a snapshot, and younger than the end of a topic
//!   that was read before its own: what it follows from may seem to be missing. It is *young*: it is
//!   not judged itself, bears out what follows from it, and keeps what its own group holds from being
//!   compared with it. The next round notes its ends behind it, so this excuse lasts one round, and
//!   it excuses no other fact of the purchase. What comes from outside (a purchase again and again, a
//!   contradiction, a request) excuses nothing: each group's position says whether it has read it.
//! - The five snapshots are of five moments. Rows of different groups are compared only where both
//!   have come to an end, and an end is left only for another that a record on a topic brings about.
//!
//! What then remains unexplained waits for something by name (a record that a group has not read, a
//! task, an event that is not published, a spool, a group that stands short of an end, money at the provider
//! that the ledger does not know) and has an age from when that began; short of an end is a purchase
//! from its first record on. The age never starts anew: what is lost without a trace is the purchase
//! whose age grows. What is older than the grace is a breach until it is explained.

use std::sync::Arc;

use crate::{
    AuditError, Inputs,
    look::look,
    memory::Memory,
    report::Report,
    telling::{Finding, Told},
};

/// What a round found.
#[derive(Debug, Clone)]
pub struct Round {
    /// Everything, as of one audit.
    pub report: Report,
    /// What is new since the round before.
    pub new: Vec<Finding>,
}

/// How it stands with the promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is broken.
    Clean,
    /// The last round found something left unexplained for longer than the grace. That can heal.
    Overdue,
    /// Something is, or was, broken that cannot heal.
    Broken,
}

/// An audit that goes on.
///
/// **What it keeps.** A round reads of the topics only what is new: what was read before stands in
/// temporary files, as it came (some 4 kB for each purchase). The databases are read anew in every
/// round, because any row may have changed. In memory it holds 40 bytes for each dead letter and eight
/// for each breach that it has named. What was read is never read again from the topics, so a record or
/// a row that comes late is held against all that was ever said of its purchase, also what its topic
/// has lost to its retention meanwhile. Only after its own files have failed does it read anew what
/// the topics still hold.
///
/// A topic never takes back what it has given: one that ends before what was read, that has another
/// id, or another record where the last was read, is a breach that names the offsets, for good. What
/// it holds now is judged as if nothing else had ever been there.
pub struct Follower {
    inputs: Inputs,
    memory: Memory,
    told: Arc<Told>,
    state: State,
}

impl Follower {
    /// Nothing was looked at yet.
    #[must_use]
    pub fn new(inputs: Inputs) -> Self {
        Self {
            inputs,
            memory: Memory::kept(),
            told: Arc::default(),
            state: State::Clean,
        }
    }

    /// Looks at everything once; `now` in microseconds since the epoch.
    ///
    /// # Errors
    /// [`AuditError`] when something cannot be read; the next round may be able to.
    pub async fn round(&mut self, now: i64) -> Result<Round, AuditError> {
        self.inputs.now = now;
        let report = Report::telling(&self.told);
        let mut report = look(&self.inputs, &mut self.memory, report, &mut |_| {}).await?;
        let telling = report.telling.take().unwrap_or_default();
        let (new, told) = telling.end();
        self.told = Arc::new(told);
        self.state = match self.state {
            State::Broken => State::Broken,
            _ if report.breaches() > report.overdue => State::Broken,
            _ if report.overdue > 0 => State::Overdue,
            _ => State::Clean,
        };
        Ok(Round { report, new })
    }

    /// How it stands: by anything that was ever found and cannot heal, and by what the last round
    /// that could look found left unexplained.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }
}
