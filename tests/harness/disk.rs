//! A disk that is slow or full, that forgets what was not synced, or under whose writes a process dies, for one
//! process and its children: a small library that the dynamic linker loads before the C library (`disk.c`).
//! It needs neither root nor a device, and is healed at once.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::Context as _;

use crate::reaper;

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// Syncing takes so many milliseconds longer.
    SlowSync(u32),
    /// No file becomes longer.
    Full,
    /// What is not synced when the process is killed is gone, once [`Disk::lose_unsynced`] is called.
    Forgets,
    /// The process is killed when it begins the so manieth write to the file of its name.
    DiesAtWrite(u32),
}

/// The disk of one process, or of a family of them.
#[derive(Debug, Clone)]
pub struct Disk {
    library: PathBuf,
    says: PathBuf,
    name: String,
}

impl Disk {
    /// A sound disk. A process dies at writes to files whose name ends in `name`, and they alone are cut.
    ///
    /// # Errors
    /// When there is no C compiler.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let says = reaper::folder("disk")?.join("fault");
        Ok(Self {
            library: library()?,
            says,
            name: name.to_owned(),
        })
    }

    /// What the environment of the process has to hold.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("DISK_FAULT", self.says.display().to_string()),
            ("DISK_FAULT_FILE", self.name.clone()),
        ]
    }

    /// Sets what is wrong from now on.
    pub fn set(&self, fault: DiskFault) {
        let text = match fault {
            DiskFault::SlowSync(milliseconds) => format!("slow {milliseconds}"),
            DiskFault::Full => "full 0".to_owned(),
            DiskFault::Forgets => "forget 0".to_owned(),
            DiskFault::DiesAtWrite(number) => format!("die {number}"),
        };
        // In one step: it is read at any moment.
        let draft = self.says.with_extension("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &self.says).unwrap();
    }

    /// What a loss of power does to the files of a folder, whose process has been killed while the disk
    /// [forgot](DiskFault::Forgets): each ends where it was synced last. How many bytes are gone.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file of it not be cut.
    pub fn lose_unsynced(&self, folder: &Path) -> anyhow::Result<u64> {
        let notes = fs::read_to_string(self.says.with_extension("synced")).unwrap_or_default();
        let mut synced: HashMap<&str, u64> = HashMap::new();
        for line in notes.lines() {
            let (bytes, path) = line
                .split_once(' ')
                .context("a note is a length and a path")?;
            synced.insert(path, bytes.parse()?);
        }
        let mut lost = 0;
        for file in fs::read_dir(folder)? {
            let path = fs::canonicalize(file?.path())?;
            let path = path
                .to_str()
                .context("the harness names its files in ASCII")?;
            if !path.ends_with(&self.name) {
                continue;
            }
            let file = fs::OpenOptions::new().write(true).open(path)?;
            let (kept, bytes) = (
                synced.get(path).copied().unwrap_or(0),
                file.metadata()?.len(),
            );
            if bytes > kept {
                file.set_len(kept)?;
                lost += bytes - kept;
            }
        }
        Ok(lost)
    }

    /// Makes it sound again.
    pub fn heal(&self) {
        let _sound_already = fs::remove_file(&self.says);
    }
}

/// Compiled once by each test program that needs it.
fn library() -> anyhow::Result<PathBuf> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let compiled = LIBRARY.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    compiled.clone().map_err(anyhow::Error::msg)
}

fn compile() -> anyhow::Result<PathBuf> {
    let folder = reaper::folder("disk-library")?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/disk.c");
    let library = folder.join("disk.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
    let output = (cc.arg(&library).arg(source).arg("-ldl").output()).context("start cc")?;
    anyhow::ensure!(
        output.status.success(),
        "cc: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_is_lost_and_nothing_else() {
        let disk = Disk::new(".kept").unwrap();
        disk.set(DiskFault::Forgets);
        let folder = tempfile::tempdir().unwrap();
        let script = "printf synced > a.kept && sync -d a.kept && printf ' not' >> a.kept && \
                      printf none > b.kept && printf other > c.else";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(folder.path());
        let ended = shell.envs(disk.environment()).status().unwrap();
        assert!(ended.success());
        assert_eq!(disk.lose_unsynced(folder.path()).unwrap(), 8);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("a.kept"), "synced");
        assert_eq!(read("b.kept"), "");
        assert_eq!(read("c.else"), "other");
    }
}
