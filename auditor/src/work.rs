//! The part of an audit that blocks: reading topics and temporary files, and the checks themselves. It
//! wanders from thread to thread with everything that it needs.

use std::sync::Arc;

use runtime::kafka::scan::Scanner;

use crate::{
    AuditError, Inputs,
    checks::{self, Around, Sums, analytics::Recomputed},
    dead_letters::Letters,
    evidence::Evidence,
    records::Records,
    report::Report,
    shard::Shard,
    spill::Spill,
    stores::Books,
    topics::Layout,
};

/// Everything, between two steps.
pub(crate) struct Work {
    pub(crate) inputs: Inputs,
    pub(crate) scanner: Scanner,
    pub(crate) layout: Arc<Layout>,
    pub(crate) records: Records,
    pub(crate) letters: Letters,
    pub(crate) evidence: Evidence,
    /// Whether records are kept for the next round.
    pub(crate) is_kept: bool,
    pub(crate) spill: Spill,
    pub(crate) books: Books,
    pub(crate) sums: Sums,
    pub(crate) report: Report,
}

/// A shard, between two of its parts.
pub(crate) struct Opened {
    shard: Shard,
    recomputed: Recomputed,
}

impl Work {
    /// Reads the topics of a shard, and what is about the shard itself.
    pub(crate) fn open(&mut self, number: i32) -> Result<Opened, AuditError> {
        let evidence = &mut self.evidence;
        (self.records).read_on(&self.scanner, number, &self.layout, evidence)?;
        let mut shard = Shard::new(number, &self.records);
        self.spill.read(number, None, |line| shard.hear(line))?;
        Ok(Opened {
            shard,
            recomputed: Recomputed::default(),
        })
    }

    /// Looks at a part of a shard.
    pub(crate) fn part(&mut self, opened: &mut Opened, part: i32) -> Result<(), AuditError> {
        let Opened { shard, recomputed } = opened;
        let number = shard.number;
        (self.spill).read(number, Some(part), |line| shard.hear(line))?;
        self.spill.forget(number, part)?;
        let mut away = None;
        let (codec, books, layout) = (&self.inputs.codec, &self.books, &self.layout);
        self.records.each(number, part, |topic, record| {
            if away.is_none() {
                away = shard.take(topic, &record, codec, books, layout).err();
            }
        })?;
        if let Some(away) = away {
            return Err(AuditError::Topics(away));
        }
        if !self.is_kept {
            self.records.forget(number, part)?;
        }
        let around = around(&self.inputs, shard, books, layout);
        let (sums, report) = (&mut self.sums, &mut self.report);
        checks::part(shard, &around, recomputed, sums, report);
        self.sums.shelves.sort()?;
        Ok(())
    }

    /// Looks at a shard as a whole, once all parts were looked at.
    pub(crate) fn close(&mut self, opened: Opened) {
        let Opened { shard, recomputed } = opened;
        let around = around(&self.inputs, &shard, &self.books, &self.layout);
        let (sums, report) = (&mut self.sums, &mut self.report);
        checks::shard(&shard, &around, recomputed, sums, report);
    }

    /// Looks at the dead-letter topics and at what was summed up.
    pub(crate) fn end(&mut self) -> Result<(), AuditError> {
        let report = &mut self.report;
        self.sums.totals.check(report);
        let has_lost_records = (self.layout.bounds.values()).any(|bounds| bounds.first > 0);
        (self.books.poisons).check(&self.sums.poison, has_lost_records, report);
        self.sums.shelves.check(report)?;
        let evidence = &mut self.evidence;
        (self.letters).read_on(&self.scanner, &self.layout, evidence)?;
        evidence.report(report);
        let remembered_since = self.inputs.now.saturating_sub(remembered(&self.inputs));
        (self.letters).compare(&self.books, &self.layout, remembered_since, report);
        report.close();
        Ok(())
    }
}

/// How far back a journal must reach. Members delete by their own clocks and while the audit looks,
/// and a record is younger than its row: what is within an hour (or an eighth) of the end may or may
/// not be there.
fn remembered(inputs: &Inputs) -> i64 {
    let kept = micros(inputs.journal_retention);
    kept - (kept / 8).min(60 * 60 * 1_000_000)
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn around<'a>(inputs: &Inputs, shard: &Shard, books: &'a Books, layout: &'a Layout) -> Around<'a> {
    Around {
        books,
        layout,
        kept: shard.kept(layout),
        now: inputs.now,
        grace_micros: micros(inputs.grace),
        retention_micros: remembered(inputs),
        has_provider: inputs.provider_journal.is_some(),
        has_intents: inputs.intents.is_some(),
    }
}
