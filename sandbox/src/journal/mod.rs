//! The sandbox's own journal: what it rests on after a crash, and what an auditor reads.
//!
//! Append-only segments of synced commits. A reply is sent only after the commit that holds it is
//! on disk; one sync serves all requests that wait for it.

mod committer;
mod entry;
mod frame;
mod records;
mod segments;

use std::{io, path::PathBuf};

pub(crate) use committer::{Journal, Lost};
pub use entry::{Entries, Entry, Kind, read, stands_in};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refuses.
    #[error("cannot {what} {path}")]
    Io {
        /// A verb.
        what: &'static str,
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was synced is not there any more: restore the folder, or begin with an empty one.
    #[error("{path} is damaged at byte {offset}: {detail}")]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where its last whole commit ends.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// Another process has it open.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
}
