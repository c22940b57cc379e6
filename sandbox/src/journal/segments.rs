//! The journal's files: named by the first record in them, so that names sort as records do.

use std::path::{Path, PathBuf};

use super::Error;

const PREFIX: &str = "provider-";
const SUFFIX: &str = ".journal";

/// A segment file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) first_sequence: u64,
    pub(crate) path: PathBuf,
}

impl Segment {
    pub(crate) fn named(folder: &Path, first_sequence: u64) -> Self {
        Self {
            first_sequence,
            path: folder.join(format!("{PREFIX}{first_sequence:020}{SUFFIX}")),
        }
    }
}

/// The segments of a folder, in order.
pub(crate) fn list(folder: &Path) -> Result<Vec<Segment>, Error> {
    let failed = |source| Error::Io {
        what: "list",
        path: folder.to_owned(),
        source,
    };
    let mut segments = vec![];
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        if let Some(first_sequence) = number.and_then(|digits| digits.parse().ok()) {
            segments.push(Segment {
                first_sequence,
                path,
            });
        }
    }
    segments.sort();
    Ok(segments)
}

/// Makes names in the folder as durable as the files they name.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    std::fs::File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|source| Error::Io {
            what: "sync",
            path: folder.to_owned(),
            source,
        })
}
