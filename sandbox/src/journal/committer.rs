//! Writes records: one thread, one sync for all that wait.
//!
//! The order of the queue is the order of the state: callers append under the lock of the state.
//! While the thread syncs, the next commit gathers in the queue; its length is bounded by the
//! operations that the service lets in. After a failed write or sync nothing more is acknowledged:
//! what the disk holds is unknown then, and only a restart reads it again.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use tokio::sync::{oneshot, watch};

use super::{
    Error,
    frame::{self, HEADER_BYTES},
    records::Records,
    segments::{self, Segment},
};
use crate::state::{State, record::Record};

/// A commit is closed at this size.
const COMMIT_BYTES_MAX: usize = 4 << 20;

/// The journal has failed: no effect since the last acknowledged one is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be written any more")]
pub(crate) struct Lost;

struct Job {
    /// None only waits for what is before it.
    record: Option<Record>,
    done: oneshot::Sender<()>,
}

/// Counters of the journal.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) records: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Every record up to this sequence is on disk.
    pub(crate) durable: AtomicU64,
}

/// The journal, open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    queue: Sender<Job>,
    written: Arc<Written>,
    failed: watch::Receiver<Option<String>>,
}

impl Journal {
    /// Opens a folder, folds what is in it into a state, and cuts off a commit that was never
    /// finished.
    pub(crate) fn open(
        folder: &Path,
        segment_bytes_max: u64,
    ) -> Result<(Self, State, JoinHandle<()>), Error> {
        let failed = |source| Error::Io {
            what: "create",
            path: folder.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = lock(folder)?;
        let mut state = State::default();
        let mut records = Records::open(folder.to_owned());
        while let Some(record) = records.read_next()? {
            state.apply(&record).map_err(|error| Error::Corrupt {
                path: folder.to_owned(),
                offset: 0,
                detail: error.to_string(),
            })?;
        }
        let (segment, length) = match records.end() {
            Some((segment, length)) => (segment.clone(), length),
            None => (Segment::named(folder, 1), 0),
        };
        let durable = state.next_sequence() - 1;
        let written = Arc::new(Written {
            durable: durable.into(),
            ..Written::default()
        });
        let (queue, jobs) = channel();
        let (failing, failed) = watch::channel(None);
        let mut writer = Writer {
            file: open(&segment, length)?,
            path: segment.path,
            length,
            folder: folder.to_owned(),
            segment_bytes_max,
            written: Arc::clone(&written),
            _lock: lock,
        };
        segments::sync_folder(folder)?;
        let thread = std::thread::Builder::new()
            .name("provider-journal".into())
            .spawn(move || {
                if let Err(error) = writer.run(&jobs) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the journal failed"
                    );
                    failing.send_replace(Some(error.to_string()));
                }
            })
            .map_err(|source| Error::Io {
                what: "start the writer of",
                path: folder.to_owned(),
                source,
            })?;
        Ok((
            Self {
                queue,
                written,
                failed,
            },
            state,
            thread,
        ))
    }

    /// Queues a record. Must be called in the order of sequences: under the lock of the state.
    pub(crate) fn append(&self, record: Record) -> Committed {
        self.send(Some(record))
    }

    /// Waits until everything up to `sequence` is on disk.
    pub(crate) async fn settled(&self, sequence: u64) -> Result<(), Lost> {
        if sequence <= self.written.durable.load(Ordering::Acquire) {
            return Ok(());
        }
        self.send(None).wait().await
    }

    fn send(&self, record: Option<Record>) -> Committed {
        let (done, committed) = oneshot::channel();
        // A queue without a reader drops the job and with it `done`, which `wait` reports.
        self.queue.send(Job { record, done }).ok();
        Committed(committed)
    }

    pub(crate) fn written(&self) -> &Written {
        &self.written
    }

    /// Changes to the reason once it has failed.
    pub(crate) fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.clone()
    }
}

/// A record on its way to disk.
#[must_use = "a reply must not be sent before its record is on disk"]
#[derive(Debug)]
pub(crate) struct Committed(oneshot::Receiver<()>);

impl Committed {
    pub(crate) async fn wait(self) -> Result<(), Lost> {
        self.0.await.map_err(|_| Lost)
    }
}

/// The file that is locked.
pub(super) const LOCK: &str = "lock";

/// Held for as long as the writer lives, released by the system however the process ends.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let failed = |source| Error::Io {
        what: "lock",
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens a segment behind its last whole commit.
fn open(segment: &Segment, length: u64) -> Result<File, Error> {
    let failed = |source| Error::Io {
        what: "open",
        path: segment.path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&segment.path)
        .map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found > length {
        tracing::warn!(
            bytes = found - length,
            "cut off a commit that was never finished"
        );
        file.set_len(length).map_err(failed)?;
        file.sync_all().map_err(failed)?;
    }
    file.seek(SeekFrom::Start(length)).map_err(failed)?;
    Ok(file)
}

struct Writer {
    file: File,
    path: PathBuf,
    length: u64,
    folder: PathBuf,
    segment_bytes_max: u64,
    written: Arc<Written>,
    _lock: File,
}

impl Writer {
    fn run(&mut self, jobs: &Receiver<Job>) -> Result<(), Error> {
        let mut payload = vec![];
        while let Ok(first) = jobs.recv() {
            payload.clear();
            let mut waiting = vec![];
            let mut sequences: Option<(u64, u64)> = None;
            let mut next = Some(first);
            while let Some(Job { record, done }) = next {
                if let Some(record) = record {
                    serde_json::to_writer(&mut payload, &record)
                        .map_err(|error| self.failed("encode for")(error.into()))?;
                    payload.push(b'\n');
                    sequences = Some((
                        sequences.map_or(record.sequence, |(first, _)| first),
                        record.sequence,
                    ));
                }
                waiting.push(done);
                next = if payload.len() < COMMIT_BYTES_MAX {
                    jobs.try_recv().ok()
                } else {
                    None
                };
            }
            if let Some((first, last)) = sequences {
                self.commit(&payload, first, last)?;
            }
            for done in waiting {
                // Who waited may be gone; the record stays.
                done.send(()).ok();
            }
        }
        Ok(())
    }

    fn commit(&mut self, payload: &[u8], first: u64, last: u64) -> Result<(), Error> {
        if self.length >= self.segment_bytes_max {
            let segment = Segment::named(&self.folder, first);
            self.file = open(&segment, 0)?;
            self.path = segment.path;
            self.length = 0;
            segments::sync_folder(&self.folder)?;
        }
        let records = last - first + 1;
        let header = frame::header(payload, usize::try_from(records).unwrap_or(usize::MAX));
        self.file.write_all(&header).map_err(self.failed("write"))?;
        self.file.write_all(payload).map_err(self.failed("write"))?;
        self.file.sync_data().map_err(self.failed("sync"))?;
        let bytes = (HEADER_BYTES + payload.len()) as u64;
        self.length += bytes;
        self.written.records.fetch_add(records, Ordering::Relaxed);
        self.written.commits.fetch_add(1, Ordering::Relaxed);
        self.written.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.written.durable.store(last, Ordering::Release);
        Ok(())
    }

    fn failed(&self, what: &'static str) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| Error::Io { what, path, source }
    }
}
