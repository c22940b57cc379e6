//! One process under control: its output in a file, its life ended by signal to its own process group,
//! readiness awaited with a deadline. The services and our own processes are built on it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal};

use crate::{reaper, wait};

/// How many lines of a log a failure shows.
const SHOWN_LINES: usize = 60;

/// A started process that leads a process group of its own. Dropping it ends the group.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    log: PathBuf,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Server {
    /// Starts `command` with its output appended to `log`. `last_resort` is the signal that ends the
    /// group if this program is gone: `KILL`, or for PostgreSQL `QUIT`, which also frees its memory.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        last_resort: &str,
    ) -> anyhow::Result<Self> {
        let output = appending(log)?;
        let errors = output.try_clone()?;
        let child = (command.stdin(Stdio::null()).stdout(output).stderr(errors))
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name}: {}", command.get_program().display()))?;
        reaper::add(child.id(), last_resort);
        Ok(Self {
            name: name.to_owned(),
            log: log.to_owned(),
            child,
            ended: None,
        })
    }

    /// The process id, which is also the number of its process group.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` holds. Fails at once when the process ends, and shows its log either way.
    pub(crate) fn until_ready(
        &mut self,
        deadline: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let outcome = wait::within(deadline, &format!("{} is ready", self.name), || match self
            .exited()
        {
            Some(status) => Some(Err(anyhow::anyhow!("{} ended: {status}", self.name))),
            None => ready().then_some(Ok(())),
        });
        match outcome.and_then(|ended| ended) {
            Ok(()) => {
                tracing::debug!(name = self.name, after = ?started.elapsed(), "ready");
                Ok(())
            }
            Err(error) => Err(error.context(format!(
                "start {}; the end of {}:\n{}",
                self.name,
                self.log.display(),
                tail(&self.log)
            ))),
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .expect("our own child can be asked for");
            if self.ended.is_some() {
                reaper::remove(self.pid());
            }
        }
        self.ended
    }

    /// How it ended and the last lines of its log, if it has ended.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        let status = self.exited()?;
        Some(format!("{status}\n{}", tail(&self.log)))
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.exited().is_none() {
            // It may end between the look and the signal; it is not reaped then, so the number is its
            // own still, and the signal goes nowhere.
            let _ended_meanwhile = rustix::process::kill_process(pid(self.pid()), signal);
        }
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let awaited = format!("{} ends", self.name);
        wait::within(deadline, &awaited, || self.exited())
            .with_context(|| format!("the end of {}:\n{}", self.log.display(), tail(&self.log)))
    }

    /// Ends every process of the group at once, as a power cut would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if self.exited().is_none() {
            let _ended_meanwhile =
                rustix::process::kill_process_group(pid(self.pid()), Signal::KILL);
            self.ended = Some(self.child.wait().expect("our own child can be waited for"));
            reaper::remove(self.pid());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let failed_by_itself =
            (self.exited()).is_some_and(|status| !status.success() && status.signal() != Some(9));
        self.kill();
        if std::thread::panicking() || failed_by_itself {
            eprintln!(
                "--- the end of {}:\n{}",
                self.log.display(),
                tail(&self.log)
            );
        }
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// Starts something on ports that are free now, and again on others when somebody else was faster.
pub(crate) fn with_free_ports<T, const N: usize>(
    start: impl Fn([u16; N]) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut attempts = 4;
    loop {
        let mut ports = [0; N];
        for port in &mut ports {
            *port = crate::ports::free()?;
        }
        match start(ports) {
            Err(error) if attempts > 1 && format!("{error:#}").contains("in use") => attempts -= 1,
            outcome => return outcome,
        }
    }
}

/// The state letter of a process (`T` stopped, `Z` dead and not yet taken note of), if there is one.
pub(crate) fn state(stat: &str) -> Option<char> {
    // The program's name stands in brackets before it, and may hold anything.
    fs::read_to_string(stat)
        .ok()?
        .rsplit(')')
        .next()?
        .trim_start()
        .chars()
        .next()
}

fn appending(log: &Path) -> anyhow::Result<File> {
    (OpenOptions::new().create(true).append(true).open(log))
        .with_context(|| format!("open {}", log.display()))
}

fn pid(id: u32) -> Pid {
    let id = i32::try_from(id).expect("process ids are positive 32-bit numbers");
    Pid::from_raw(id).expect("a child's id is not zero")
}
