//! A disk that is slow or full, or under whose writes a process dies, for one process and its children: a
//! small library that the dynamic linker loads before the C library (`disk.c`). It needs neither root nor a
//! device, and is healed at once. What it cannot do is lose what was not synced.

use std::{
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
    /// A sound disk. A process dies at writes to files whose name ends in `name`.
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
            DiskFault::DiesAtWrite(number) => format!("die {number}"),
        };
        // In one step: it is read at any moment.
        let draft = self.says.with_extension("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &self.says).unwrap();
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
