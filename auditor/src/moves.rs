//! What operators have decided about partitions that had halted: which offsets a group has never read
//! or will, on whose word and why. They are accounted for, by name; they are not lost silently.

use std::collections::BTreeMap;

use runtime::bookkeeping::halts::{Cause, Halt};

use crate::Group;

/// A group, a topic and a partition.
pub(crate) type Of = (Group, String, i32);

/// All moves of all groups.
#[derive(Debug, Default)]
pub(crate) struct Moves(BTreeMap<Of, Vec<Halt>>);

/// The moves of one partition, as far as they concern the topic that is there now.
#[derive(Debug, Default)]
pub(crate) struct OfPartition {
    /// How many records had been counted before counting began anew.
    pub(crate) counted_before: i64,
    /// Where it began anew, if it did.
    pub(crate) begins_anew_at: Option<i64>,
    /// How many offsets were skipped, with who said so and why.
    pub(crate) skipped: Vec<(String, i64)>,
    /// How many of them lie between where counting began and where the group is.
    pub(crate) skipped_since_start: i64,
}

impl Moves {
    pub(crate) fn take(&mut self, group: Group, halt: Halt) {
        if !halt.is_open() {
            let of = (group, halt.topic.clone(), halt.partition);
            self.0.entry(of).or_default().push(halt);
        }
    }

    /// The moves since offsets mean what they mean now, in order.
    fn present(&self, of: &Of) -> &[Halt] {
        let all = self.0.get(of).map(Vec::as_slice).unwrap_or_default();
        let anew = all.iter().rposition(|halt| halt.counted_before.is_some());
        &all[anew.unwrap_or_default()..]
    }

    pub(crate) fn of(&self, of: &Of) -> OfPartition {
        let present = self.present(of);
        let anew = present
            .first()
            .filter(|first| first.counted_before.is_some());
        let (mut skipped, mut skipped_since_start) = (Vec::new(), 0);
        for halt in present {
            if let Some((from, to)) = unread(halt)
                && from < to
            {
                skipped.push((said(halt), to - from));
                if halt.counted_before.is_none() {
                    skipped_since_start += to - from;
                }
            }
        }
        OfPartition {
            counted_before: anew
                .and_then(|halt| halt.counted_before)
                .unwrap_or_default(),
            begins_anew_at: anew.and_then(|halt| halt.moved_to),
            skipped,
            skipped_since_start,
        }
    }

    /// On whose word, and why, an offset was skipped, if it was.
    pub(crate) fn skipping(&self, of: &Of, offset: i64) -> Option<String> {
        let skips =
            |halt: &&Halt| unread(halt).is_some_and(|(from, to)| (from..to).contains(&offset));
        let halt = self.present(of).iter().find(skips)?;
        Some(format!("skipped: {}", said(halt)))
    }
}

/// The offsets that a move has left out. A move back, within the same topic, leaves out none: what is
/// before it was read.
fn unread(halt: &Halt) -> Option<(i64, i64)> {
    let is_back = halt.counted_before.is_some() && halt.cause() != Some(Cause::CreatedAgain);
    (!is_back).then_some((halt.skipped_from?, halt.skipped_to?))
}

fn said(halt: &Halt) -> String {
    let (by, reason) = (halt.moved_by.as_deref(), halt.reason.as_deref());
    format!(
        "{} ({})",
        reason.unwrap_or_default(),
        by.unwrap_or_default()
    )
}
