//! How far the spool has been drained, kept in one small file. Losing it costs duplicates, never
//! records: it is a lower bound on what Kafka has confirmed.

use std::io;
use std::path::Path;

use super::disk;

const FILE: &str = "checkpoint";

/// The first sequence that Kafka has not confirmed; 0 when nothing is known.
pub(super) fn read(folder: &Path) -> io::Result<u64> {
    let bytes = match std::fs::read(folder.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    // Damage need not leave text behind, and is then damage like any other.
    let Some(sequence) = std::str::from_utf8(&bytes).ok().and_then(parse) else {
        tracing::error!("the spool's checkpoint is damaged: its records are sent again");
        return Ok(0);
    };
    Ok(sequence)
}

/// Records that everything below `sequence` is confirmed.
pub(super) fn write(folder: &Path, sequence: u64) -> io::Result<()> {
    disk::replace(&folder.join(FILE), render(sequence).as_bytes())
}

fn render(sequence: u64) -> String {
    let checksum = crc32fast::hash(&sequence.to_le_bytes());
    format!("drained-below {sequence} {checksum:08x}\n")
}

fn parse(text: &str) -> Option<u64> {
    let sequence = text.split(' ').nth(1)?.parse().ok()?;
    (render(sequence) == text).then_some(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), 0);
        write(folder.path(), 41).unwrap();
        write(folder.path(), 42).unwrap();
        assert_eq!(read(folder.path()).unwrap(), 42);
    }

    #[test]
    fn a_damaged_checkpoint_means_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1234).unwrap();
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let no_text = [text.as_bytes(), &[0xC5]].concat();
        let damaged = [text.replace("1234", "1235"), String::new(), text + "x"];
        let damaged = damaged.map(String::into_bytes).into_iter();
        for damaged in damaged.chain([no_text]) {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert_eq!(read(folder.path()).unwrap(), 0);
        }
    }
}
