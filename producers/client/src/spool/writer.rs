//! The thread that writes the spool. All appends that wait are written together and share one
//! sync; they are answered after it, never before. A file on which anything failed is not written
//! again: what a failed sync leaves behind is unknown.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::disk::{Disk, SegmentFile};
use super::segment::Name;
use super::state::{Segment, Shared};
use super::{SpoolError, frame};
use crate::record::Record;

/// What is written with one sync, at most (and one append more).
const GROUP_BYTES_MAX: u64 = 4 << 20;

pub(super) struct Request {
    pub(super) records: Vec<Record>,
    pub(super) bytes: u64,
    pub(super) answer: oneshot::Sender<Result<u64, SpoolError>>,
}

/// Starts the thread; it ends when the last sender of `inbox` is gone.
pub(super) fn start(
    shared: Arc<Shared>,
    disk: Box<dyn Disk>,
    inbox: mpsc::Receiver<Request>,
) -> io::Result<JoinHandle<()>> {
    let mut writer = Writer {
        shared,
        disk,
        active: None,
    };
    std::thread::Builder::new()
        .name("spool-writer".into())
        .spawn(move || {
            while let Ok(first) = inbox.recv() {
                writer.write(gather(first, &inbox));
            }
            writer.shared.lock().closed = true;
            writer.shared.notify();
        })
}

/// Everything that waits already, up to a bound.
fn gather(first: Request, inbox: &mpsc::Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.bytes;
    let mut group = vec![first];
    while bytes < GROUP_BYTES_MAX {
        let Ok(next) = inbox.try_recv() else { break };
        bytes += next.bytes;
        group.push(next);
    }
    group
}

struct Active {
    name: Name,
    file: Box<dyn SegmentFile>,
    bytes: u64,
}

struct Writer {
    shared: Arc<Shared>,
    disk: Box<dyn Disk>,
    active: Option<Active>,
}

impl Writer {
    fn write(&mut self, group: Vec<Request>) {
        let written = self.write_group(&group);
        self.shared.lock().writing = None;
        let bytes: u64 = group.iter().map(|request| request.bytes).sum();
        match written {
            Ok(firsts) => {
                for (request, first) in group.into_iter().zip(firsts) {
                    // A caller that has gone away needs no answer.
                    drop(request.answer.send(Ok(first)));
                }
            }
            Err(error) => {
                tracing::error!(%error, "append to the spool");
                self.shared.unreserve(bytes);
                for request in group {
                    drop(request.answer.send(Err(refusal(&error))));
                }
            }
        }
    }

    /// Writes and syncs; gives the first sequence of each append.
    fn write_group(&mut self, group: &[Request]) -> io::Result<Vec<u64>> {
        let mut active = self.take_active()?;
        let stored_at = jiff::Timestamp::now().as_microsecond();
        let count: usize = group.iter().map(|request| request.records.len()).sum();
        let mut sequence = {
            let mut state = self.shared.lock();
            let first = state.next_sequence;
            state.next_sequence += count as u64;
            first
        };
        let mut buffer = Vec::new();
        let mut firsts = Vec::with_capacity(group.len());
        for request in group {
            firsts.push(sequence);
            for record in &request.records {
                frame::encode(active.name.salt, sequence, stored_at, record, &mut buffer);
                sequence += 1;
            }
        }
        let appended = active.file.append(&buffer).and_then(|()| {
            match mutants::on("spool-acknowledged-before-fsync") {
                true => Ok(()),
                false => active.file.sync(),
            }
        });
        if let Err(error) = appended {
            // Best effort: what stays behind was never acknowledged, and is not read.
            if let Err(error) = active.file.cut(active.bytes) {
                tracing::warn!(%error, "cut a failed append off the spool");
            }
            return Err(error);
        }
        active.bytes += buffer.len() as u64;
        self.account(&active, buffer.len() as u64, stored_at);
        self.active = Some(active);
        Ok(firsts)
    }

    fn account(&self, active: &Active, bytes: u64, stored_at: i64) {
        let mut state = self.shared.lock();
        state.reserved_bytes -= bytes;
        state.undrained_bytes += bytes;
        state.oldest_at.get_or_insert(stored_at);
        match state.segments.back_mut() {
            Some(last) if last.name == active.name => last.synced_bytes = active.bytes,
            _ => state.segments.push_back(Segment {
                name: active.name,
                read_bytes: 0,
                synced_bytes: active.bytes,
            }),
        }
        drop(state);
        self.shared.notify();
    }

    /// The file to write to: a new one when the last is full, or drained and gone.
    fn take_active(&mut self) -> io::Result<Active> {
        let first_sequence = {
            let mut state = self.shared.lock();
            let live = state.segments.back().map(|last| last.name);
            if let Some(active) = self.active.take()
                && active.bytes < self.shared.config.segment_bytes
                && live == Some(active.name)
            {
                state.writing = live;
                return Ok(active);
            }
            state.next_sequence
        };
        let name = Name::fresh(first_sequence);
        let file = self.disk.create(&name.path(&self.shared.config.folder))?;
        Ok(Active {
            name,
            file,
            bytes: 0,
        })
    }
}

fn refusal(error: &io::Error) -> SpoolError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            SpoolError::Full(error.to_string())
        }
        _ => SpoolError::Transient(error.to_string()),
    }
}
