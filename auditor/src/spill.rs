//! Sorts what is read in any order into one temporary file per shard, so that a shard can be looked
//! at as a whole without holding the others.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
};

use runtime::partitioner::partition_of;

use crate::witness::{Line, Witness};

/// The files; they vanish when dropped.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: tempfile::TempDir,
    files: Vec<BufWriter<File>>,
    lines: u64,
}

impl Spill {
    pub(crate) fn new(shards: i32) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("counterflow-audit-")
            .tempdir()?;
        let file = |shard| File::create(folder.path().join(format!("{shard}"))).map(BufWriter::new);
        let files = (0..shards).map(file).collect::<io::Result<_>>()?;
        Ok(Self {
            folder,
            files,
            lines: 0,
        })
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> i32 {
        i32::try_from(self.files.len()).unwrap_or(i32::MAX)
    }

    /// How many lines were written.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Puts a row to the shard to which its subject, the key of its records, belongs.
    pub(crate) fn put(&mut self, subject: &str, witness: Witness) -> io::Result<()> {
        let shard = partition_of(subject.as_bytes(), self.files());
        self.put_to(shard, subject, witness)
    }

    /// Puts a row to a shard; one of a shard that does not exist goes to the first, where nothing
    /// will match it.
    pub(crate) fn put_to(&mut self, shard: i32, subject: &str, witness: Witness) -> io::Result<()> {
        let known = usize::try_from(shard)
            .ok()
            .filter(|&at| at < self.files.len());
        let file = &mut self.files[known.unwrap_or(0)];
        let line = Line {
            subject: subject.to_owned(),
            witness,
        };
        serde_json::to_writer(&mut *file, &line)?;
        self.lines += 1;
        file.write_all(b"\n")
    }

    /// Gives the rows of a shard to `each`, in the order in which they were put.
    pub(crate) fn read(&mut self, shard: i32, mut each: impl FnMut(Line)) -> io::Result<()> {
        let at = usize::try_from(shard).map_err(io::Error::other)?;
        self.files[at].flush()?;
        let path = self.folder.path().join(format!("{shard}"));
        let mut reader = BufReader::with_capacity(1 << 18, File::open(path)?);
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            each(serde_json::from_str(&text)?);
            text.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_the_shard_of_their_key() {
        let mut spill = Spill::new(4).unwrap();
        for n in 0..100 {
            let sku = n.to_string();
            let line = Witness::ReservationLine { sku, quantity: 1 };
            spill.put(&format!("p{n}"), line).unwrap();
        }
        let mut read = 0;
        for shard in 0..4 {
            spill
                .read(shard, |line| {
                    assert_eq!(partition_of(line.subject.as_bytes(), 4), shard);
                    read += 1;
                })
                .unwrap();
        }
        assert_eq!((read, spill.lines()), (100, 100));
    }
}
