//! What was read of one partition, and which of it the partition still has or has lost to retention
//! alone.

use runtime::Record;

use crate::{case::Place, topics::digest};

/// What was read of one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extent {
    /// Where reading began.
    pub(crate) low: i64,
    /// What is read next.
    pub(crate) next: i64,
    /// How many records there were.
    pub(crate) records: i64,
    pub(crate) first: Option<Place>,
    /// The last offset that holds a record.
    pub(crate) last: Option<i64>,
    /// What that record says.
    pub(super) content: u64,
    /// From which offset on the partition had lost what was read, each time that it had. As many as
    /// there were of these is the generation of a record when it is read.
    lost_from: Vec<i64>,
}

impl Extent {
    /// Nothing was read yet of a partition that begins there.
    pub(super) fn from(low: i64) -> Self {
        Self {
            low,
            next: low,
            ..Self::default()
        }
    }

    pub(super) fn generation(&self) -> u16 {
        u16::try_from(self.lost_from.len()).unwrap_or(u16::MAX)
    }

    /// Whether a record that was read in a generation was not lost since.
    pub(super) fn holds(&self, generation: u16, offset: i64) -> bool {
        let mut since = self.lost_from.iter().skip(usize::from(generation));
        self.low <= offset && since.all(|from| offset < *from)
    }

    /// Nothing of it counts any more: it is read from there.
    pub(super) fn begin_anew(&mut self, low: i64) {
        self.lose(i64::MIN);
        (self.low, self.next) = (low, low);
    }

    /// What was read from there on is gone. What is left is to be counted anew.
    pub(super) fn lose(&mut self, from: i64) {
        self.lost_from.push(from);
        self.next = self.next.min(from);
        self.forget_counts();
    }

    fn forget_counts(&mut self) {
        (self.records, self.first, self.last) = (0, None, None);
    }

    /// Counts a record.
    pub(super) fn note(&mut self, topic: &'static str, record: &Record) {
        let offset = record.at.offset;
        self.records += 1;
        self.last = self.last.max(Some(offset));
        if self.first.is_none_or(|first| offset < first.offset) {
            self.first = Some(Place {
                topic,
                offset,
                recorded_at: record.timestamp_micros,
            });
        }
    }
}

/// What tells a record from another at its place.
pub(super) fn content(record: &Record) -> u64 {
    let at = record.timestamp_micros.to_be_bytes();
    digest(&[
        record.key.as_deref(),
        record.payload.as_deref(),
        Some(&record.headers.to_bytes()),
        Some(&at),
    ])
}
