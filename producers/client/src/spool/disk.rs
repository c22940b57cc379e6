//! The few things that the spool asks of a file system. Separate, so that a full or failing disk
//! can be put in its place by a test.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Where segments are made.
pub(super) trait Disk: Send {
    /// Makes a new, empty file, whose name survives a crash.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
}

/// A file that is written at its end.
pub(super) trait SegmentFile: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything appended survives a crash.
    fn sync(&mut self) -> io::Result<()>;
    /// Drops what lies behind `bytes`.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// The real one.
pub(super) struct LocalDisk;

impl Disk for LocalDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        // What customers bought is nobody else's to read.
        let mut options = OpenOptions::new();
        let file = (options.append(true).create_new(true).mode(0o600)).open(path)?;
        sync_folder_of(path)?;
        Ok(Box::new(file))
    }
}

impl SegmentFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)?;
        self.sync_data()
    }
}

/// Makes a name in a folder survive a crash.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Replaces a file so that a reader sees the old content or the new, whatever crashes.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("tmp");
    let mut file = File::create(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    sync_folder_of(path)
}
