//! Reads records in order, through all segments, while a process may be writing the last one.

use std::{collections::VecDeque, path::PathBuf};

use super::{
    Error,
    frame::{self, Found},
    segments::{self, Segment},
};
use crate::state::record::Record;

/// All records of a folder. One segment is in memory at a time.
#[derive(Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    segment: Option<Segment>,
    bytes: Vec<u8>,
    offset: usize,
    /// Whether the segment was read again after a later one was seen: only then is its end final.
    complete: bool,
    pending: VecDeque<Record>,
    sequence: u64,
}

impl Records {
    pub(crate) fn open(folder: PathBuf) -> Self {
        Self {
            folder,
            segment: None,
            bytes: vec![],
            offset: 0,
            complete: false,
            pending: VecDeque::new(),
            sequence: 0,
        }
    }

    /// The newest segment and the length of its whole commits, once all records are read.
    pub(crate) fn end(&self) -> Option<(&Segment, u64)> {
        self.segment
            .as_ref()
            .map(|segment| (segment, self.offset as u64))
    }

    /// The next record, or none at the end of what is whole.
    pub(crate) fn read_next(&mut self) -> Result<Option<Record>, Error> {
        loop {
            if let Some(record) = self.pending.pop_front() {
                if record.sequence != self.sequence + 1 {
                    return Err(self.corrupt(format!(
                        "record {} follows {}",
                        record.sequence, self.sequence
                    )));
                }
                self.sequence = record.sequence;
                return Ok(Some(record));
            }
            let torn = match frame::find(&self.bytes, self.offset) {
                Found::Commit { payload, end } => {
                    let read: Result<Vec<Record>, _> =
                        serde_json::Deserializer::from_slice(payload)
                            .into_iter()
                            .collect();
                    self.pending = read
                        .map_err(|error| self.corrupt(error.to_string()))?
                        .into();
                    self.offset = end;
                    continue;
                }
                Found::Damaged => {
                    return Err(self.corrupt("a commit does not match its checksum".into()));
                }
                Found::End => false,
                Found::Torn => true,
            };
            if !self.turn_page(torn)? {
                return Ok(None);
            }
        }
    }

    /// Goes on behind the last whole commit; false at the end of the newest segment.
    fn turn_page(&mut self, torn: bool) -> Result<bool, Error> {
        let last = self
            .segment
            .as_ref()
            .map_or(0, |segment| segment.first_sequence);
        let later = segments::list(&self.folder)?
            .into_iter()
            .find(|segment| segment.first_sequence > last);
        let Some(later) = later else { return Ok(false) };
        match &self.segment {
            // The writer may have finished this segment after it was read.
            Some(segment) if !self.complete => {
                self.bytes = read(segment)?;
                self.complete = true;
            }
            Some(_) if torn => {
                return Err(
                    self.corrupt("a commit is cut off with a later segment behind it".into())
                );
            }
            _ => {
                self.bytes = read(&later)?;
                self.segment = Some(later);
                self.offset = 0;
                self.complete = false;
            }
        }
        Ok(true)
    }

    fn corrupt(&self, detail: String) -> Error {
        Error::Corrupt {
            path: self
                .segment
                .as_ref()
                .map_or_else(|| self.folder.clone(), |segment| segment.path.clone()),
            offset: self.offset as u64,
            detail,
        }
    }
}

fn read(segment: &Segment) -> Result<Vec<u8>, Error> {
    std::fs::read(&segment.path).map_err(|source| Error::Io {
        what: "read",
        path: segment.path.clone(),
        source,
    })
}
