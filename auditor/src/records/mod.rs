//! What stands on the topics, read once and sorted by shard and part into temporary files, as it came:
//! an audit that goes on reads only what is new, and looks at one part at a time.
//!
//! What was read once is read from the files from then on, also when they are cut anew; only a file
//! that fails has everything read anew from the topics.

mod changes;
mod extent;
mod reading;
#[cfg(test)]
mod tests;
mod written;

use std::{collections::BTreeMap, io, path::Path};

use runtime::Record;

use self::{extent::Extent, written::Written};
use crate::{
    files::Files,
    parts::Parts,
    topics::{self, Layout},
};

/// The records of all topics but those of dead letters.
#[derive(Debug)]
pub(crate) struct Records {
    files: Files,
    pub(crate) parts: Parts,
    read: BTreeMap<(&'static str, i32), Extent>,
    /// Whether something could not be written or read back: the files do not hold what was read then.
    is_damaged: bool,
}

impl Records {
    pub(crate) fn new(within: Option<&Path>, parts: Parts) -> io::Result<Self> {
        let count = parts.shards.max(0) * parts.parts;
        let count = usize::try_from(count).map_err(io::Error::other)?;
        Ok(Self {
            files: Files::new(within, count)?,
            parts,
            read: BTreeMap::new(),
            is_damaged: false,
        })
    }

    /// What has been lost to retention since it was read is still here.
    pub(crate) fn keep_beginnings(&self, layout: &mut Layout) {
        for (at, read) in &self.read {
            if let Some(bounds) = layout.bounds.get_mut(at) {
                bounds.first = read.low;
            }
        }
    }

    /// What was read of a partition.
    pub(crate) fn of(&self, topic: &'static str, shard: i32) -> Extent {
        self.read.get(&(topic, shard)).cloned().unwrap_or_default()
    }

    /// Gives the records of a part to `each`: topic by topic as they were read, those of one key in
    /// their order.
    pub(crate) fn each(
        &mut self,
        shard: i32,
        part: i32,
        mut each: impl FnMut(&'static str, Record),
    ) -> io::Result<()> {
        let read = topics::ALL.map(|topic| (topic, self.of(topic, shard)));
        self.written(shard, part, |written| {
            let mut read = read.iter().filter(|(topic, _)| *topic == written.topic);
            if read.all(|(_, read)| read.holds(written.generation, written.record.at.offset)) {
                each(written.topic, written.record);
            }
            Ok(())
        })
    }

    /// Gives everything in the file of a part to `each`.
    fn written(
        &mut self,
        shard: i32,
        part: i32,
        each: impl FnMut(Written) -> io::Result<()>,
    ) -> io::Result<()> {
        let file = self.file(shard, part)?;
        let opened = self.files.open(file);
        self.is_damaged |= opened.is_err();
        match opened? {
            Some(mut reader) => written::each(&mut reader, shard, each),
            None => Ok(()),
        }
    }

    /// Gives back what a part takes.
    pub(crate) fn forget(&mut self, shard: i32, part: i32) -> io::Result<()> {
        let file = self.file(shard, part)?;
        self.files.remove(file)
    }

    fn file(&self, shard: i32, part: i32) -> io::Result<usize> {
        usize::try_from(shard * self.parts.parts + part).map_err(io::Error::other)
    }

    fn append(&mut self, at: (&'static str, u16), shard: i32, record: &Record) -> io::Result<()> {
        let part = self
            .parts
            .part_of(record.key.as_deref().unwrap_or_default());
        let file = self.file(shard, part)?;
        written::put(self.files.end_of(file), at, record)?;
        let kept = self.files.keep(file);
        // A part of it may be on the disk, and what comes behind it is passed over.
        self.is_damaged |= kept.is_err();
        kept
    }
}
