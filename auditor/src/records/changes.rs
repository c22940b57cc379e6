//! What becomes of what was read when the topics are not as they were: they have grown, have lost what
//! was read or what was not read yet, or have other partitions.

use std::{io, path::Path};

use runtime::Record;

use super::{
    Records,
    extent::{self, Extent},
};
use crate::{
    evidence::Loss,
    parts::Parts,
    topics::{self, Layout},
};

/// With so many times the records for which it was cut, it is cut anew.
const GROWTH_MAX: i32 = 4;

impl Records {
    /// What was read goes on where it ended, as far as the topics still join it. None when it cannot:
    /// everything is to be read anew.
    pub(crate) fn go_on(
        self,
        within: Option<&Path>,
        layout: &Layout,
        losses: &[Loss],
    ) -> Option<Self> {
        if self.is_damaged {
            return None;
        }
        let went = self.changed(within, layout, losses);
        went.inspect_err(|error| tracing::warn!(%error, "its files failed, all is read anew"))
            .ok()
    }

    fn changed(
        mut self,
        within: Option<&Path>,
        layout: &Layout,
        losses: &[Loss],
    ) -> io::Result<Self> {
        for loss in losses {
            self.lose(loss, layout)?;
        }
        let wanted = Parts::of(layout);
        let fits = wanted.shards == self.parts.shards
            && wanted.parts <= self.parts.parts.saturating_mul(GROWTH_MAX);
        let mut records = match fits {
            true => self,
            false => self.cut_anew(within, wanted)?,
        };
        records.leave_gaps(layout);
        Ok(records)
    }

    /// Nothing counts any more of a partition that has lost what was to be read next.
    fn leave_gaps(&mut self, layout: &Layout) {
        for (at, read) in &mut self.read {
            let bounds = layout.bounds.get(at).copied().unwrap_or_default();
            if bounds.first > read.next {
                read.begin_anew(bounds.first);
            }
        }
    }

    /// What a partition has lost otherwise counts no more.
    fn lose(&mut self, loss: &Loss, layout: &Layout) -> io::Result<()> {
        let topic = topics::ALL.into_iter().find(|topic| *topic == loss.topic);
        let Some(at) = topic.map(|topic| (topic, loss.partition)) else {
            return Ok(());
        };
        let Some(mut read) = self.read.remove(&at) else {
            return Ok(());
        };
        match (loss.from, layout.bounds.get(&at)) {
            (Some(from), _) => {
                read.lose(from);
                self.count_anew(at, &mut read)?;
            }
            (None, now) => read.begin_anew(now.map_or(0, |now| now.first)),
        }
        self.read.insert(at, read);
        Ok(())
    }

    fn count_anew(&mut self, at: (&'static str, i32), read: &mut Extent) -> io::Result<()> {
        let mut last: Option<Record> = None;
        for part in 0..self.parts.parts {
            self.written(at.1, part, |written| {
                let offset = written.record.at.offset;
                if written.topic == at.0 && read.holds(written.generation, offset) {
                    read.note(at.0, &written.record);
                    if last.as_ref().is_none_or(|last| last.at.offset < offset) {
                        last = Some(written.record);
                    }
                }
                Ok(())
            })?;
        }
        read.content = last.as_ref().map_or(0, extent::content);
        Ok(())
    }

    /// The same records in files for more of them; those that count no more are left behind.
    fn cut_anew(mut self, within: Option<&Path>, parts: Parts) -> io::Result<Self> {
        let mut cut = Self::new(within, parts)?;
        cut.read = std::mem::take(&mut self.read);
        cut.read.retain(|at, _| at.1 < parts.shards);
        for shard in 0..self.parts.shards.min(parts.shards) {
            for part in 0..self.parts.parts {
                self.written(shard, part, |written| {
                    let at = (written.topic, written.generation);
                    let read = cut.read.get(&(written.topic, shard));
                    let offset = written.record.at.offset;
                    match read.is_some_and(|read| read.holds(at.1, offset)) {
                        true => cut.append(at, shard, &written.record),
                        false => Ok(()),
                    }
                })?;
                self.forget(shard, part)?;
            }
        }
        Ok(cut)
    }
}
