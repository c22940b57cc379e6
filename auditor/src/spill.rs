//! Sorts what databases and journals say, in whatever order they say it, into temporary files by shard
//! and part, so that a part can be looked at as a whole without holding the others.

use std::{
    io::{self, BufRead, Write},
    path::Path,
};

use crate::{
    files::Files,
    parts::Parts,
    witness::{Line, Witness},
};

/// The files: of every shard one for what is about the shard itself, and one for each part.
#[derive(Debug)]
pub(crate) struct Spill {
    files: Files,
    parts: Parts,
    lines: u64,
}

impl Spill {
    pub(crate) fn new(within: Option<&Path>, parts: Parts) -> io::Result<Self> {
        let count = parts.shards.max(0) * (parts.parts + 1);
        let count = usize::try_from(count).map_err(io::Error::other)?;
        Ok(Self {
            files: Files::new(within, count)?,
            parts,
            lines: 0,
        })
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> i32 {
        self.parts.shards
    }

    /// How many lines were written.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Puts a row to the shard to which its subject, the key of its records, belongs.
    pub(crate) fn put(&mut self, subject: &str, witness: Witness) -> io::Result<()> {
        let shard = self.parts.shard_of(subject.as_bytes());
        self.put_to(shard, subject, witness)
    }

    /// Puts a row to a shard; one of a shard that does not exist goes to the first, where nothing
    /// will match it.
    pub(crate) fn put_to(&mut self, shard: i32, subject: &str, witness: Witness) -> io::Result<()> {
        let is_known = (0..self.parts.shards).contains(&shard);
        let shard = if is_known { shard } else { 0 };
        let part = match witness.is_of_shard() {
            true => None,
            false => Some(self.parts.part_of(subject.as_bytes())),
        };
        let file = self.file(shard, part)?;
        let line = Line {
            subject: subject.to_owned(),
            witness,
        };
        let mut end = self.files.end_of(file);
        serde_json::to_writer(&mut end, &line)?;
        end.write_all(b"\n")?;
        self.lines += 1;
        self.files.keep(file)
    }

    /// Gives the rows of a part, or those about the shard itself, to `each`, in the order in which
    /// they were put.
    pub(crate) fn read(
        &mut self,
        shard: i32,
        part: Option<i32>,
        mut each: impl FnMut(Line),
    ) -> io::Result<()> {
        let file = self.file(shard, part)?;
        let Some(mut reader) = self.files.open(file)? else {
            return Ok(());
        };
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            each(serde_json::from_str(&text)?);
            text.clear();
        }
        Ok(())
    }

    /// Gives back what a part takes, once it was read.
    pub(crate) fn forget(&mut self, shard: i32, part: i32) -> io::Result<()> {
        let file = self.file(shard, Some(part))?;
        self.files.remove(file)
    }

    fn file(&self, shard: i32, part: Option<i32>) -> io::Result<usize> {
        let place = part.map_or(0, |part| part + 1);
        usize::try_from(shard * (self.parts.parts + 1) + place).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_the_shard_and_part_of_their_key() {
        let parts = Parts {
            shards: 4,
            parts: 3,
        };
        let mut spill = Spill::new(None, parts).unwrap();
        for n in 0..100 {
            let sku = n.to_string();
            let line = Witness::ReservationLine { sku, quantity: 1 };
            spill.put(&format!("p{n}"), line).unwrap();
        }
        let of_shard = Witness::Customers {
            size: 1,
            start: 2,
            registers: 3,
        };
        spill.put_to(2, "", of_shard).unwrap();
        let mut read = 0;
        for shard in 0..4 {
            for part in 0..3 {
                let each = |line: Line| {
                    let key = line.subject.as_bytes();
                    assert_eq!((parts.shard_of(key), parts.part_of(key)), (shard, part));
                    read += 1;
                };
                spill.read(shard, Some(part), each).unwrap();
            }
        }
        let mut about_shards = Vec::new();
        for shard in 0..4 {
            let each = |_: Line| about_shards.push(shard);
            spill.read(shard, None, each).unwrap();
        }
        assert_eq!((read, about_shards, spill.lines()), (100, vec![2], 101));
    }
}
