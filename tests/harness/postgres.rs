//! PostgreSQL on a loopback port, with a data folder of its own. `fsync` is on unless a test says that
//! it does not ask about durability, so that "killed and started again" means what it says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::Signal;

use crate::{
    disk::Disk,
    installed, reaper,
    server::{self, Server},
    wait,
};

/// The role that owns everything.
const USER: &str = "counterflow";
/// Starting takes a fraction of a second; replaying the log after a kill, on a loaded machine, more.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The server that the tests of this program share. It is started by the first that asks, and ends with
/// the program. Take a database of your own from it; for stopping or killing, start another server.
///
/// # Panics
/// When PostgreSQL is not installed or does not start: the message says what to do.
#[must_use]
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start().unwrap_or_else(|error| panic!("{error:?}")))
}

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Builder {
    fsync: bool,
    settings: Vec<String>,
    disk: Option<Disk>,
}

impl Builder {
    /// Leaves out every `fsync`, for tests in which the machine does not fail.
    #[must_use]
    pub fn without_fsync(mut self) -> Self {
        self.fsync = false;
        self
    }

    /// Sets a server parameter, e.g. `setting("max_connections", "20")`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Gives it a disk with faults. What it does before it is started first is not under them.
    #[must_use]
    pub fn disk(mut self, disk: &Disk) -> Self {
        self.disk = Some(disk.clone());
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not start: its log and what to do.
    pub fn start(self) -> anyhow::Result<Postgres> {
        let programs = installed::postgres_programs()?;
        let folder = reaper::folder("postgres")?;
        let data = folder.join("data");
        fs::create_dir(&data)?;
        give_to_postgres(&data)?;
        let mut initdb = as_postgres(&programs.join("initdb"));
        initdb.args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]);
        run(initdb
            .arg("--username")
            .arg(USER)
            .arg("--pgdata")
            .arg(&data))?;
        server::with_free_ports(|[port]| {
            let mut postgres = Postgres {
                programs: programs.clone(),
                folder: folder.clone(),
                port,
                options: self.clone(),
                server: None,
            };
            postgres.restart()?;
            Ok(postgres)
        })
    }
}

/// A running server. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    options: Builder,
    server: Option<Server>,
}

impl Postgres {
    /// Starts a server of the test's own, as durable as in production.
    ///
    /// # Errors
    /// When it is not installed or does not start: its log and what to do.
    pub fn start() -> anyhow::Result<Self> {
        Self::builder().start()
    }

    /// Starts a server of the test's own, with options.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            fsync: true,
            settings: Vec::new(),
            disk: None,
        }
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database that no other test uses, and gives its address.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn fresh_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))
            .unwrap();
        self.url(&name)
    }

    /// Runs statements in a database through `psql`, for tests without a connection of their own; the
    /// answer's rows as lines, the columns separated by `|`.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn sql(&self, database: &str, statements: &str) -> anyhow::Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
        psql.args(["--set", "ON_ERROR_STOP=1", "--command", statements]);
        let output = run(psql.arg("--dbname").arg(self.url(database)))?;
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Starts it again on the same port and data, whether it runs, was killed or is stopped.
    ///
    /// # Errors
    /// When it does not come back: its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.cont();
        if let Some(server) = &mut self.server {
            // Fast shutdown: connections are cut, the log is written out.
            server.signal(Signal::INT);
            server.wait(READY_WITHIN)?;
        }
        self.server = None;
        self.begin_restart()?;
        let probe = (self.programs.join("pg_isready"), self.port.to_string());
        let server = self.server.as_mut().expect("it has begun");
        let ready = server.until_ready(READY_WITHIN, || {
            let mut pg_isready = Command::new(&probe.0);
            pg_isready.args(["--quiet", "--host=127.0.0.1", "--port", &probe.1]);
            pg_isready.status().is_ok_and(|status| status.success())
        });
        if ready.is_err() {
            self.server = None;
        }
        ready
    }

    /// Starts it again after it was killed, without waiting until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin_restart(&mut self) -> anyhow::Result<()> {
        let log = self.log();
        self.server = Some(Server::start(
            "PostgreSQL",
            &mut self.command(),
            &log,
            "QUIT",
        )?);
        Ok(())
    }

    /// The id of its first process, whose children are all others; none when it was killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// The end of its log, if it has ended by itself.
    pub fn last_words(&mut self) -> Option<String> {
        self.server.as_mut().and_then(Server::last_words)
    }

    /// Kills all its processes with SIGKILL, as the kernel does when memory runs out.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        // Each connection is a process in a group of its own; a new server refuses to start on the
        // data until the last of them is gone.
        let connections = children_of(server.pid());
        server.kill();
        for pid in &connections {
            let _gone_already = rustix::process::kill_process(*pid, Signal::KILL);
        }
        wait::eventually(READY_WITHIN, "every process of PostgreSQL is gone", || {
            connections.iter().all(|pid| is_gone(*pid))
        });
    }

    /// Freezes it with SIGSTOP, connections included, until [`Postgres::cont`].
    pub fn stop(&mut self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets it go on after [`Postgres::stop`].
    pub fn cont(&mut self) {
        self.signal_all(Signal::CONT);
    }

    /// The file with everything it has logged.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    fn signal_all(&mut self, signal: Signal) {
        let Some(server) = &mut self.server else {
            return;
        };
        server.signal(signal);
        for pid in children_of(server.pid()) {
            let _ended_meanwhile = rustix::process::kill_process(pid, signal);
        }
    }

    fn command(&self) -> Command {
        let mut command = as_postgres(&self.programs.join("postgres"));
        if let Some(disk) = &self.options.disk {
            command.envs(disk.environment());
        }
        command.arg("-D").arg(self.folder.join("data"));
        command.arg("-p").arg(self.port.to_string());
        let mut set = |setting: &str| {
            command.arg("-c").arg(setting);
        };
        set("listen_addresses=127.0.0.1");
        set("unix_socket_directories=");
        set("max_connections=200");
        if !self.options.fsync {
            set("fsync=off");
            set("synchronous_commit=off");
            set("full_page_writes=off");
        }
        self.options
            .settings
            .iter()
            .for_each(|setting| set(setting));
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        reaper::remove_folder(&self.folder);
    }
}

/// PostgreSQL refuses to run as root: then it runs as the user that Debian's package made for it.
fn as_postgres(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "--",
    ]);
    command.arg(program);
    command
}

fn give_to_postgres(folder: &Path) -> anyhow::Result<()> {
    if rustix::process::geteuid().is_root() {
        run(Command::new("chown").arg("postgres:").arg(folder))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("start {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// Gone, or dead and only not yet taken note of by its new parent.
fn is_gone(pid: rustix::process::Pid) -> bool {
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    server::state(&stat).is_none_or(|state| state == 'Z')
}

fn children_of(pid: u32) -> Vec<rustix::process::Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    (children.unwrap_or_default().split_whitespace())
        .filter_map(|child| rustix::process::Pid::from_raw(child.parse().ok()?))
        .collect()
}
