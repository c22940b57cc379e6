//! Many temporary files that are only appended to, at the cost of little memory and of no open file
//! each: a file is opened to take what its buffer holds, and closed again.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

/// What is held for a file before it is written.
const BUFFER_BYTES: usize = 16 << 10;
/// What is read of a file at a time.
const READ_BYTES: usize = 256 << 10;
/// As many as their buffers may take 64 MiB for.
pub(crate) const FILES_MAX: usize = 4096;

/// The files, by number; they vanish when dropped.
#[derive(Debug)]
pub(crate) struct Files {
    folder: tempfile::TempDir,
    buffers: Vec<Vec<u8>>,
}

impl Files {
    /// In a folder of their own, within the one that is given or the system's for such files.
    pub(crate) fn new(within: Option<&Path>, count: usize) -> io::Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("counterflow-audit-");
        Ok(Self {
            folder: match within {
                Some(within) => folder.tempdir_in(within)?,
                None => folder.tempdir()?,
            },
            buffers: vec![Vec::new(); count],
        })
    }

    /// From here on nothing can be written.
    #[cfg(test)]
    pub(crate) fn lose_folder(&self) {
        fs::remove_dir_all(self.folder.path()).expect("it is there");
    }

    fn path(&self, file: usize) -> PathBuf {
        self.folder.path().join(file.to_string())
    }

    /// What is to be appended to a file is written to this and then [kept](Self::keep).
    pub(crate) fn end_of(&mut self, file: usize) -> &mut Vec<u8> {
        &mut self.buffers[file]
    }

    /// Keeps what was appended: writes it once there is enough of it.
    pub(crate) fn keep(&mut self, file: usize) -> io::Result<()> {
        match self.buffers[file].len() < BUFFER_BYTES {
            true => Ok(()),
            false => self.flush(file),
        }
    }

    fn flush(&mut self, file: usize) -> io::Result<()> {
        let mut opened = OpenOptions::new();
        let mut opened = opened.create(true).append(true).open(self.path(file))?;
        opened.write_all(&self.buffers[file])?;
        // Given back, or all files together would hold their largest line.
        self.buffers[file] = Vec::new();
        Ok(())
    }

    /// A file from its beginning; none when nothing was ever appended.
    pub(crate) fn open(&mut self, file: usize) -> io::Result<Option<BufReader<File>>> {
        if !self.buffers[file].is_empty() {
            self.flush(file)?;
        }
        match File::open(self.path(file)) {
            Ok(opened) => Ok(Some(BufReader::with_capacity(READ_BYTES, opened))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives back what a file takes.
    pub(crate) fn remove(&mut self, file: usize) -> io::Result<()> {
        self.buffers[file] = Vec::new();
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{BUFFER_BYTES, Files};

    #[test]
    fn a_file_gives_back_what_was_appended_also_while_it_grows() {
        let mut files = Files::new(None, 2).unwrap();
        assert!(files.open(0).unwrap().is_none());
        let mut expected = Vec::new();
        for round in 0..3_u8 {
            let bytes = vec![round; BUFFER_BYTES - 10];
            files.end_of(0).extend(&bytes);
            files.keep(0).unwrap();
            expected.extend(bytes);
            let mut read = Vec::new();
            let mut file = files.open(0).unwrap().unwrap();
            file.read_to_end(&mut read).unwrap();
            assert_eq!(read, expected);
        }
        files.remove(0).unwrap();
        files.remove(1).unwrap();
        assert!(files.open(0).unwrap().is_none());
    }
}
