//! The files of a spool as bytes: which frames are in them, which of those a damage has left whole,
//! and what was kept aside. Knows the format by its description alone.

use std::collections::BTreeMap;
use std::path::Path;

/// Magic, length of the body, checksum; the body begins with the sequence.
const HEADER_BYTES: usize = 12;

/// A folder at one moment.
pub(super) struct Files {
    /// By name without the ending.
    segments: BTreeMap<String, Vec<u8>>,
    /// None when there is none.
    pub(super) checkpoint: Option<Vec<u8>>,
}

/// A record on disk.
pub(super) struct Frame {
    pub(super) sequence: u64,
    pub(super) bytes: u64,
}

impl Files {
    pub(super) fn read(folder: &Path) -> Self {
        let mut segments = BTreeMap::new();
        for (name, bytes) in with_ending(folder, "spool") {
            segments.insert(name, bytes);
        }
        let checkpoint = std::fs::read(folder.join("checkpoint")).ok();
        Self {
            segments,
            checkpoint,
        }
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// The frames of these files, all of which are whole, that are whole in others too.
    pub(super) fn whole_in(&self, others: &Self) -> Vec<Frame> {
        let mut whole = Vec::new();
        for (name, bytes) in &self.segments {
            let other = &others.segments[name];
            let mut at = 0;
            while at < bytes.len() {
                let body = bytes[at + 4..at + 8].try_into().unwrap();
                let end = at + HEADER_BYTES + u32::from_le_bytes(body) as usize;
                let sequence = bytes[at + HEADER_BYTES..at + HEADER_BYTES + 8].try_into();
                if other.get(at..end) == Some(&bytes[at..end]) {
                    whole.push(Frame {
                        sequence: u64::from_le_bytes(sequence.unwrap()),
                        bytes: (end - at) as u64,
                    });
                }
                at = end;
            }
        }
        whole
    }

    /// How many bytes of these files were kept aside, each where its name says that it was.
    pub(super) fn kept_aside_in(&self, folder: &Path) -> u64 {
        let mut kept = with_ending(folder, "torn");
        kept.extend(with_ending(folder, "corrupt"));
        for (name, bytes) in &kept {
            let (segment, at) = name.rsplit_once('.').unwrap();
            let at: usize = at.parse().unwrap();
            assert_eq!(
                self.segments[segment][at..at + bytes.len()],
                bytes[..],
                "{name}"
            );
        }
        kept.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}

/// Names without the ending, and contents.
fn with_ending(folder: &Path, ending: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|found| found == ending) {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
    files
}
