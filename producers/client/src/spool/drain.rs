//! The reading side: records in the order in which they were spooled, and the position that moves
//! only when Kafka has confirmed them. There is one per spool, so order needs no lock.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::frame::{self, Entry};
use super::segment::{self, Name};
use super::state::{Segment, Shared};
use super::{checkpoint, disk};

/// What is read at a time, unless one record is longer.
const READ_BYTES: u64 = 1 << 20;

/// Records that were read together, in order.
#[derive(Debug)]
pub struct Chunk {
    /// The records; empty when all that was read is damaged.
    pub entries: Vec<Entry>,
    segment: Name,
    /// Where the segment goes on.
    until: u64,
    bytes: u64,
}

/// Reads the spool.
#[derive(Debug)]
pub struct Drain {
    shared: Arc<Shared>,
    open: Option<(Name, File)>,
}

impl Drain {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: None }
    }

    /// Waits until there is something to drain or the spool closes, at most `patience`.
    pub fn wait(&self, patience: Duration) {
        self.shared.wait(patience);
    }

    /// Whether the writing side has gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// The next records that are not confirmed; none when nothing waits. Reading again without
    /// [`Drain::confirm`] gives the same records.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        self.remove_drained();
        let first = self.shared.lock().segments.front().copied();
        let Some(segment) = first.filter(|first| first.read_bytes < first.synced_bytes) else {
            return Ok(None);
        };
        let mut want = READ_BYTES;
        loop {
            let available = segment.synced_bytes - segment.read_bytes;
            let bytes = self.read(segment, want.min(available))?;
            let chunk = self.parse(segment, &bytes, want >= available)?;
            if let Some(mut chunk) = chunk {
                if mutants::on("spool-drained-out-of-order") {
                    chunk.entries.reverse();
                }
                if let Some(first) = chunk.entries.first() {
                    self.shared.lock().oldest_at = Some(first.stored_at);
                }
                return Ok(Some(chunk));
            }
            want *= 4;
        }
    }

    fn read(&mut self, segment: Segment, bytes: u64) -> io::Result<Vec<u8>> {
        let file = match &self.open {
            Some((name, file)) if *name == segment.name => file,
            _ => {
                let path = segment.name.path(&self.shared.config.folder);
                &self.open.insert((segment.name, File::open(path)?)).1
            }
        };
        let mut buffer = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        file.read_exact_at(&mut buffer, segment.read_bytes)?;
        Ok(buffer)
    }

    /// Whole records at the start of `bytes`; none when the first needs more bytes than these.
    fn parse(&self, segment: Segment, bytes: &[u8], is_all: bool) -> io::Result<Option<Chunk>> {
        let salt = segment.name.salt;
        let mut entries = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if let Ok((entry, length)) = frame::decode(salt, &bytes[at..]) {
                entries.push(entry);
                at += length;
            } else if !entries.is_empty() {
                break;
            } else if !is_all {
                return Ok(None);
            } else {
                // Everything that is synced is here and the first record cannot be read.
                let until = frame::find(salt, bytes, at + 1).unwrap_or(bytes.len());
                let path = segment.name.path(&self.shared.config.folder);
                segment::set_aside(&path, segment.read_bytes + at as u64, &bytes[at..until])?;
                at = until;
                break;
            }
        }
        Ok(Some(Chunk {
            entries,
            segment: segment.name,
            until: segment.read_bytes + at as u64,
            bytes: at as u64,
        }))
    }

    /// Kafka has everything in `chunk`: moves the position behind it, durably, and removes files
    /// that are no longer needed.
    pub fn confirm(&mut self, chunk: &Chunk) {
        if let Some(last) = chunk.entries.last()
            && let Err(error) = checkpoint::write(&self.shared.config.folder, last.sequence + 1)
        {
            // Only a lower bound: after a crash these records are sent again.
            tracing::warn!(%error, "write the spool's checkpoint");
        }
        {
            let mut state = self.shared.lock();
            let front = state.segments.front_mut();
            let front = front.expect("a chunk is of the first segment, which goes when drained");
            assert_eq!(front.name, chunk.segment, "chunks are confirmed in order");
            front.read_bytes = chunk.until;
            state.undrained_bytes -= chunk.bytes;
            if state.undrained_bytes == 0 {
                state.oldest_at = None;
            }
        }
        self.remove_drained();
    }

    /// Keeps a record that no broker takes in a file of its own, `<sequence>.refused`: a frame, as
    /// in a segment whose salt is 0. It still has to be confirmed.
    pub fn set_aside(&self, entry: &Entry) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::encode(
            0,
            entry.sequence,
            entry.stored_at,
            &entry.record,
            &mut bytes,
        );
        let file = format!("{:020}.refused", entry.sequence);
        disk::replace(&self.shared.config.folder.join(file), &bytes)
    }

    fn remove_drained(&mut self) {
        let drained = self.shared.lock().take_drained();
        for name in drained {
            self.open = None;
            let path = name.path(&self.shared.config.folder);
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(%error, "remove a drained file of the spool");
            }
        }
    }
}
