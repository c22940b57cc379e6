//! What may happen to the files of a spool while nobody has it open.

use std::path::{Path, PathBuf};

use crate::input::Input;

/// More would only bury what the first has shown.
const DAMAGES_MAX: u8 = 8;

/// Damage to one file.
pub(super) struct Damage<'a> {
    /// Which of the files, in order, counted round.
    file: u8,
    at: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// A flipped bit, or several.
    Flip(u8),
    /// A write that was cut short.
    Cut,
    /// A block that never came to the disk.
    Zero(usize),
    /// Another file's content, or anything.
    Overwrite(&'a [u8]),
    /// The beginning of what was never finished.
    Append(&'a [u8]),
}

/// How many, then each: which file, how, where, and with what.
pub(super) fn all<'a>(input: &mut Input<'a>) -> Vec<Damage<'a>> {
    let count = input.byte() % (DAMAGES_MAX + 1);
    (0..count).map(|_| one(input)).collect()
}

fn one<'a>(input: &mut Input<'a>) -> Damage<'a> {
    let (file, kind, at) = (input.byte(), input.byte(), usize::from(input.u16()));
    let kind = match kind % 5 {
        0 => Kind::Flip(input.byte()),
        1 => Kind::Cut,
        2 => Kind::Zero(usize::from(input.u16())),
        3 => Kind::Overwrite(input.chunk()),
        _ => Kind::Append(input.chunk()),
    };
    Damage { file, at, kind }
}

impl Damage<'_> {
    /// Does it to a folder.
    pub(super) fn inflict(&self, folder: &Path) {
        let files = files(folder);
        if files.is_empty() {
            return;
        }
        let path = &files[usize::from(self.file) % files.len()];
        let mut bytes = std::fs::read(path).unwrap();
        self.change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }

    fn change(&self, bytes: &mut Vec<u8>) {
        // Where the files are shorter than the place, it is counted round.
        let at = self.at % (bytes.len() + 1);
        let until = |length: usize| bytes.len().min(at + length);
        match self.kind {
            Kind::Flip(mask) => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Kind::Cut => bytes.truncate(at),
            Kind::Zero(length) => {
                let end = until(length);
                bytes[at..end].fill(0);
            }
            Kind::Overwrite(with) => {
                let end = until(with.len());
                bytes[at..end].copy_from_slice(&with[..end - at]);
            }
            Kind::Append(with) => bytes.extend_from_slice(with),
        }
    }
}

/// The segments and the checkpoint, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
    files.sort();
    files
}
