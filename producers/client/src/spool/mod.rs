//! The local spool: accepted records that Kafka does not have yet, synced to disk, in order.
//!
//! Separate from the publisher, because its promise stands alone: a record whose append has been
//! answered is drained, in order, whatever is killed; the space it may take is bounded; and a
//! drained record may come again after a crash, but a record that was not drained never goes.
//!
//! One thread writes (group commit: all who wait share one sync), one [`Drain`] reads. A folder
//! belongs to one process: a lock file says so.

mod checkpoint;
mod disk;
mod drain;
mod frame;
mod segment;
mod state;
mod writer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Weak, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use drain::{Chunk, Drain};
pub use frame::Entry;

use crate::record::Record;
use disk::{Disk, LocalDisk};
use state::{Segment, Shared, State};

/// Where the spool lies and how much it may take.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// A folder of its own, on a disk that survives the process.
    pub folder: PathBuf,
    /// How many bytes may wait; an append beyond it is refused. Up to one segment more is on disk.
    pub bytes_max: u64,
    /// When a new file is begun.
    pub segment_bytes: u64,
}

impl SpoolConfig {
    /// 1 GiB in files of 8 MiB.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            bytes_max: 1 << 30,
            segment_bytes: 8 << 20,
        }
    }
}

/// Why a record is not in the spool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// No room: the bound or the disk. The caller sheds load until records have been drained.
    #[error("the spool is full: {0}")]
    Full(String),
    /// The disk failed this time; it is tried afresh with the next append.
    #[error("the spool cannot be written: {0}")]
    Transient(String),
    /// The spool has been closed.
    #[error("the spool is closed")]
    Closed,
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolOpenError {
    /// Another process has this folder.
    #[error("the spool folder {0} belongs to another running process")]
    InUse(PathBuf),
    /// The folder cannot be read or written.
    #[error("the spool folder {folder} cannot be used")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What was found in the folder when it was opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Records that wait to be drained.
    pub records: u64,
    /// Bytes at the end of a segment, as a write that was cut short leaves them, of which nobody was
    /// told that they were kept; they were set aside in `.torn` files.
    pub torn_bytes: u64,
    /// Bytes that could not be read; they were set aside in `.corrupt` files.
    pub damaged_bytes: u64,
}

/// How much waits, and since when.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes on disk that are not drained.
    pub bytes: u64,
    /// When the oldest of them was spooled, microseconds since the epoch.
    pub oldest_at: Option<i64>,
}

/// The writing side. Dropping it waits for the writer; once the [`Drain`] is gone too, the folder
/// is free.
#[derive(Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    /// Present until the spool is dropped.
    requests: Option<mpsc::Sender<writer::Request>>,
    writer: Option<JoinHandle<()>>,
}

impl Spool {
    /// Opens a folder, repairs what a crash has left, and starts the writer.
    pub fn open(config: SpoolConfig) -> Result<(Self, Drain, Recovery), SpoolOpenError> {
        Self::open_on(config, Box::new(LocalDisk))
    }

    fn open_on(
        config: SpoolConfig,
        disk: Box<dyn Disk>,
    ) -> Result<(Self, Drain, Recovery), SpoolOpenError> {
        let folder = config.folder.clone();
        let unusable = |source| SpoolOpenError::Folder {
            folder: folder.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(unusable)?;
        let lock = File::create(folder.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(SpoolOpenError::InUse(folder)),
            Err(std::fs::TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let (state, recovery) = recover(&config).map_err(unusable)?;
        let shared = Arc::new(Shared::new(config, state, lock));
        let (requests, inbox) = mpsc::channel();
        let writer = writer::start(Arc::clone(&shared), disk, inbox).map_err(unusable)?;
        let drain = Drain::new(Arc::clone(&shared));
        let spool = Self {
            shared,
            requests: Some(requests),
            writer: Some(writer),
        };
        Ok((spool, drain, recovery))
    }

    /// Appends records in order and returns the sequence of the first, once all are synced.
    ///
    /// All or none. A caller that goes away early leaves them in the spool.
    pub async fn append(&self, records: Vec<Record>) -> Result<u64, SpoolError> {
        let bytes: usize = records.iter().map(frame::encoded_bytes).sum();
        self.shared.reserve(bytes as u64)?;
        let (answer, answered) = oneshot::channel();
        let request = writer::Request {
            records,
            bytes: bytes as u64,
            answer,
        };
        let sent = (self.requests.as_ref()).is_some_and(|inbox| inbox.send(request).is_ok());
        if !sent {
            self.shared.unreserve(bytes as u64);
            return Err(SpoolError::Closed);
        }
        answered.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// Whether nothing waits: neither on disk nor on its way there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty()
    }

    /// How much waits.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.shared.backlog()
    }

    /// A view of the backlog for a dashboard.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.shared))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the spool's writer did not end cleanly");
        }
    }
}

/// Sees how much waits, without keeping the spool open.
#[derive(Debug, Clone)]
pub struct Watch(Weak<Shared>);

impl Watch {
    /// How much waits; nothing once the spool is closed.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        (self.0.upgrade()).map_or_else(Backlog::default, |shared| shared.backlog())
    }
}

/// Reads every segment, repairs it, and finds where draining goes on.
fn recover(config: &SpoolConfig) -> std::io::Result<(State, Recovery)> {
    let drained_below = checkpoint::read(&config.folder)?;
    let mut state = State {
        next_sequence: drained_below,
        ..State::default()
    };
    let mut recovery = Recovery::default();
    for name in segment::list(&config.folder)? {
        let contents = segment::recover(&config.folder, name, drained_below)?;
        recovery.torn_bytes += contents.torn_bytes;
        recovery.damaged_bytes += contents.damaged_bytes;
        recovery.records += contents.undrained_records;
        let after_last = contents.last_sequence.map_or(0, |last| last + 1);
        state.next_sequence = (state.next_sequence)
            .max(after_last)
            .max(name.first_sequence);
        if contents.undrained_records == 0 {
            std::fs::remove_file(name.path(&config.folder))?;
            continue;
        }
        state.undrained_bytes += contents.bytes - contents.undrained_from;
        state.oldest_at = state.oldest_at.or(contents.oldest_at);
        state.segments.push_back(Segment {
            name,
            read_bytes: contents.undrained_from,
            synced_bytes: contents.bytes,
        });
    }
    Ok((state, recovery))
}

#[cfg(test)]
mod tests;
