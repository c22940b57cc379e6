//! One file of the spool: its name, and reading it whole after a crash. What must stay true: what
//! cannot be read is never thrown away in silence, and never hides what lies behind it.

use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use super::frame::{self, Broken};

const EXTENSION: &str = "spool";

/// A segment's name: the first sequence that may stand in it, and the salt of its checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) first_sequence: u64,
    pub(super) salt: u64,
}

impl Name {
    /// A name for a new segment.
    pub(super) fn fresh(first_sequence: u64) -> Self {
        let (salt, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self {
            first_sequence,
            salt,
        }
    }

    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!(
            "{:020}-{:016x}.{EXTENSION}",
            self.first_sequence, self.salt
        ))
    }

    fn parse(path: &Path) -> Option<Self> {
        if path.extension()? != EXTENSION {
            return None;
        }
        let (first_sequence, salt) = path.file_stem()?.to_str()?.split_once('-')?;
        Some(Self {
            first_sequence: first_sequence.parse().ok()?,
            salt: u64::from_str_radix(salt, 16).ok()?,
        })
    }
}

/// The segments of a folder, oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for file in std::fs::read_dir(folder)? {
        names.extend(Name::parse(&file?.path()));
    }
    names.sort_unstable();
    Ok(names)
}

/// What is in a segment, once it has been repaired.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The last sequence in it.
    pub(super) last_sequence: Option<u64>,
    /// Where the first record that is not drained begins; the end when all are.
    pub(super) undrained_from: u64,
    /// When that record was spooled.
    pub(super) oldest_at: Option<i64>,
    /// How many records are not drained.
    pub(super) undrained_records: u64,
    /// How long the readable part is.
    pub(super) bytes: u64,
    /// Bytes behind the last whole record, as a write that was cut short leaves them; kept in a file
    /// of their own, for a damaged length cannot be told from them.
    pub(super) torn_bytes: u64,
    /// Damaged bytes; kept in a file of their own.
    pub(super) damaged_bytes: u64,
}

/// Reads a segment after a restart, and repairs it: a torn tail and damage are set aside.
pub(super) fn recover(folder: &Path, name: Name, drained_below: u64) -> io::Result<Contents> {
    let path = name.path(folder);
    let bytes = std::fs::read(&path)?;
    let mut contents = Contents::default();
    let mut kept: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match frame::decode(name.salt, &bytes[at..]) {
            Ok((entry, length)) => {
                if entry.sequence < drained_below {
                    contents.undrained_from = (kept.len() + length) as u64;
                } else {
                    contents.oldest_at.get_or_insert(entry.stored_at);
                    contents.undrained_records += 1;
                }
                contents.last_sequence = Some(entry.sequence);
                kept.extend_from_slice(&bytes[at..at + length]);
                at += length;
            }
            Err(broken) => {
                let next = frame::find(name.salt, &bytes, at + 1);
                let until = next.unwrap_or(bytes.len());
                if next.is_none() && broken == Broken::Short {
                    let torn = path.with_extension(format!("{at}.torn"));
                    disk::replace(&torn, &bytes[at..until])?;
                    contents.torn_bytes += (until - at) as u64;
                } else {
                    set_aside(&path, at as u64, &bytes[at..until])?;
                    contents.damaged_bytes += (until - at) as u64;
                }
                at = until;
            }
        }
    }
    contents.bytes = kept.len() as u64;
    if kept.len() < bytes.len() {
        disk::replace(&path, &kept)?;
    }
    Ok(contents)
}

/// Keeps damaged bytes beside the segment, named by where they were.
pub(super) fn set_aside(segment: &Path, at: u64, damaged: &[u8]) -> io::Result<()> {
    let path = segment.with_extension(format!("{at}.corrupt"));
    tracing::error!(
        file = %path.display(),
        damaged_bytes = damaged.len(),
        "part of the spool is damaged: it was set aside, and what follows it goes on"
    );
    disk::replace(&path, damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn record(number: u64) -> Record {
        Record {
            topic: "shop.purchases.v1".into(),
            key: Some(format!("key-{number}").into_bytes()),
            payload: Some(vec![number as u8; 40]),
            headers: vec![("ce_id".into(), Some(b"id".to_vec()))],
            event_id: format!("event-{number}"),
        }
    }

    struct Written {
        folder: tempfile::TempDir,
        name: Name,
        bytes: Vec<u8>,
        starts: Vec<usize>,
    }

    fn three_records() -> Written {
        let folder = tempfile::tempdir().unwrap();
        let name = Name::fresh(5);
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for sequence in 5..8 {
            starts.push(bytes.len());
            frame::encode(
                name.salt,
                sequence,
                100 + sequence as i64,
                &record(sequence),
                &mut bytes,
            );
        }
        std::fs::write(name.path(folder.path()), &bytes).unwrap();
        Written {
            folder,
            name,
            bytes,
            starts,
        }
    }

    fn corrupt_files(folder: &Path) -> usize {
        (std::fs::read_dir(folder).unwrap())
            .filter(|file| {
                let path = file.as_ref().unwrap().path();
                path.extension().is_some_and(|end| end == "corrupt")
            })
            .count()
    }

    #[test]
    fn a_tail_torn_at_any_byte_costs_only_the_last_record() {
        let Written {
            folder,
            name,
            bytes,
            starts,
        } = three_records();
        for cut in starts[2]..bytes.len() {
            std::fs::write(name.path(folder.path()), &bytes[..cut]).unwrap();
            let contents = recover(folder.path(), name, 0).unwrap();
            assert_eq!(contents.last_sequence, Some(6), "cut at {cut}");
            assert_eq!(contents.undrained_records, 2);
            assert_eq!(contents.torn_bytes, (cut - starts[2]) as u64);
            assert_eq!(contents.damaged_bytes, 0);
            let repaired = std::fs::read(name.path(folder.path())).unwrap();
            assert_eq!(repaired, &bytes[..starts[2]]);
        }
        assert_eq!(corrupt_files(folder.path()), 0);
    }

    #[test]
    fn damage_at_any_byte_in_the_middle_costs_only_that_record() {
        let Written {
            folder,
            name,
            bytes,
            starts,
        } = three_records();
        for at in starts[1]..starts[2] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            std::fs::write(name.path(folder.path()), &damaged).unwrap();
            let contents = recover(folder.path(), name, 0).unwrap();
            assert_eq!(contents.undrained_records, 2, "damaged at {at}");
            assert_eq!(contents.last_sequence, Some(7));
            let set_aside = name
                .path(folder.path())
                .with_extension(format!("{}.corrupt", starts[1]));
            assert_eq!(
                std::fs::read(set_aside).unwrap(),
                &damaged[starts[1]..starts[2]]
            );
        }
    }

    #[test]
    fn a_last_record_that_is_damaged_at_any_byte_is_kept_aside() {
        let Written {
            folder,
            name,
            bytes,
            starts,
        } = three_records();
        for at in starts[2]..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            std::fs::write(name.path(folder.path()), &damaged).unwrap();
            let contents = recover(folder.path(), name, 0).unwrap();
            assert_eq!(contents.undrained_records, 2, "damaged at {at}");
            // A length that says more than there is looks like a write that was cut short.
            let kind = if contents.torn_bytes > 0 {
                "torn"
            } else {
                "corrupt"
            };
            let kept = (name.path(folder.path())).with_extension(format!("{}.{kind}", starts[2]));
            assert_eq!(std::fs::read(&kept).unwrap(), &damaged[starts[2]..]);
            std::fs::remove_file(kept).unwrap();
        }
    }

    #[test]
    fn drained_records_are_passed_over() {
        let Written {
            folder,
            name,
            bytes,
            starts,
        } = three_records();
        let contents = recover(folder.path(), name, 7).unwrap();
        assert_eq!(contents.undrained_from, starts[2] as u64);
        assert_eq!(contents.oldest_at, Some(107));
        assert_eq!(contents.undrained_records, 1);
        let contents = recover(folder.path(), name, 8).unwrap();
        assert_eq!(contents.undrained_from, bytes.len() as u64);
        assert_eq!(contents.oldest_at, None);
    }

    #[test]
    fn names_are_read_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let names = [10, 2, 300].map(Name::fresh);
        for name in names {
            std::fs::write(name.path(folder.path()), b"").unwrap();
        }
        std::fs::write(folder.path().join("checkpoint"), b"").unwrap();
        assert_eq!(list(folder.path()).unwrap(), [names[1], names[0], names[2]]);
    }
}
