//! Our own program as processes: started with arguments and environment, its output in files, ended by
//! signal. The program has to be built beside the tests: a test that ran an old one would prove nothing.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use rustix::process::Signal;

use crate::{installed, reaper, server, server::Server, wait};

/// Where `counterflow` is, once it is sure that it was built from the sources as they are.
///
/// # Errors
/// When it is not there or older than a source file: the command that builds it.
pub fn counterflow() -> anyhow::Result<PathBuf> {
    const BUILD: &str = "run `cargo build --workspace --bin counterflow`";
    // A test program lies in target/<profile>/deps.
    let test = std::env::current_exe().context("ask where this program is")?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .context("find target/<profile>")?;
    let program = profile.join("counterflow");
    let built = fs::metadata(&program).and_then(|metadata| metadata.modified());
    let built = built.with_context(|| format!("{} is not built: {BUILD}", program.display()))?;
    if let Some(newer) = newer_source(&profile.join("counterflow.d"), built)? {
        anyhow::bail!(
            "{} is older than {}: {BUILD}",
            program.display(),
            newer.display()
        );
    }
    Ok(program)
}

/// Cargo lists beside a program every source file that went into it.
fn newer_source(listed: &Path, built: SystemTime) -> anyhow::Result<Option<PathBuf>> {
    let text = fs::read_to_string(listed).with_context(|| format!("read {}", listed.display()))?;
    let sources = text.split_once(": ").map_or("", |(_, sources)| sources);
    for source in sources.split_whitespace() {
        let source = installed::workspace().join(source);
        let changed = fs::metadata(&source).and_then(|metadata| metadata.modified());
        if !changed.is_ok_and(|changed| changed <= built) {
            return Ok(Some(source));
        }
    }
    Ok(None)
}

/// A group of our own processes with their logs in one folder. Dropping it ends what still runs.
#[derive(Debug)]
pub struct Processes {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Processes {
    /// Finds `counterflow` and makes a folder for logs and other files.
    ///
    /// # Errors
    /// When the program is not built: the command that builds it.
    pub fn new() -> anyhow::Result<Self> {
        let folder = reaper::folder("processes")?;
        Ok(Self {
            program: counterflow()?,
            folder,
            environment: Vec::new(),
        })
    }

    /// Sets an environment variable for every process that is started from here on.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The folder in which they run: theirs alone, removed with this.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts `counterflow <arguments>`. `name` names it in messages and names its log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str, arguments: &[impl AsRef<OsStr>]) -> anyhow::Result<Process> {
        self.start_with(name, arguments, &[])
    }

    /// Starts `counterflow <arguments>` with variables of its own, which go before those of all.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(
        &self,
        name: &str,
        arguments: &[impl AsRef<OsStr>],
        environment: &[(String, String)],
    ) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder);
        // What this shell happens to have set must not decide what a test does.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("COUNTERFLOW__") {
                command.env_remove(name);
            }
        }
        for (name, value) in self.environment.iter().chain(environment) {
            command.env(name, value);
        }
        let log = self.folder.join(format!("{name}.log"));
        let server = Server::start(name, &mut command, &log, "KILL")?;
        Ok(Process { log, server })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            reaper::remove_folder(&self.folder);
        }
    }
}

/// One of our own processes. Dropping it kills it, with every process that it started.
#[derive(Debug)]
pub struct Process {
    log: PathBuf,
    server: Server,
}

impl Process {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Everything that it has written so far, on either output.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.server.exited().is_none()
    }

    /// Waits until `ready` holds; fails at once when the process ends first, and shows its log.
    ///
    /// # Errors
    /// When it has ended or the deadline has passed: the end of its log.
    pub fn until(&mut self, deadline: Duration, ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        self.server.until_ready(deadline, ready)
    }

    /// Waits until its output holds `text`.
    ///
    /// # Errors
    /// When it has ended or the deadline has passed: the end of its log.
    pub fn until_output(&mut self, deadline: Duration, text: &str) -> anyhow::Result<()> {
        let log = self.log.clone();
        let wanted = text.as_bytes();
        self.server.until_ready(deadline, || {
            let output = fs::read(&log).unwrap_or_default();
            output.windows(wanted.len()).any(|piece| piece == wanted)
        })
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When the deadline has passed: the end of its log.
    pub fn wait(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.server.wait(deadline)
    }

    /// Asks it to end, as an orchestrator does (SIGTERM).
    pub fn ask_to_stop(&mut self) {
        self.server.signal(Signal::TERM);
    }

    /// Asks it to end, as an orchestrator does (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When the deadline has passed: the end of its log.
    pub fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.server.signal(Signal::TERM);
        self.server.wait(deadline)
    }

    /// Ends it with SIGKILL, with every process that it started.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Freezes it with SIGSTOP until [`Process::cont`], and waits until the kernel has done so.
    pub fn stop(&mut self) {
        self.server.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.pid());
        wait::eventually(Duration::from_secs(5), "the process is stopped", || {
            server::state(&stat).is_none_or(|state| state == 'T')
        });
    }

    /// Lets it go on after [`Process::stop`].
    pub fn cont(&mut self) {
        self.server.signal(Signal::CONT);
    }
}
