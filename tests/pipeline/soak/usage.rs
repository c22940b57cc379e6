//! What every process takes over time, from `/proc`, and what lies on disk: sampled on threads of their own,
//! life by life. A broker or a database that does not answer holds up the looks at the disk alone.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    control::all,
    disk::{DISK, Disk},
    judge::{Judged, judge},
    machine::Machine,
    schedule::Who,
    slope::Sample,
};

/// The audit that looks on, by name.
pub(super) const AUDIT: &str = "audit";

/// How often the disk is looked at, in samples of the processes.
const DISK_EVERY: u32 = 2;

/// One life of a process, or a folder: samples by what is measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    pid: u32,
    pub(super) series: BTreeMap<&'static str, Vec<Sample>>,
}

/// Lives by the name of whose they are.
pub(super) type Lives = BTreeMap<String, Vec<Life>>;

/// The recording.
pub(super) struct Usage {
    lives: Arc<Mutex<Lives>>,
    is_over: Arc<AtomicBool>,
    recording: [JoinHandle<()>; 2],
}

impl Usage {
    /// Records whatever runs now, and what is said to have started since.
    pub(super) fn record(machine: &mut Machine, audit: u32, every: Duration) -> Self {
        let mut lives = Lives::new();
        for who in all() {
            let pid = machine.pid_of(who).expect("everything runs");
            begin(&mut lives, &machine.name_of(who), pid);
        }
        begin(&mut lives, AUDIT, audit);
        begin(&mut lives, DISK, 0);
        let database = machine.name_of(Who::Database);
        let disk = Disk::of(machine);
        let lives = Arc::new(Mutex::new(lives));
        let is_over = Arc::new(AtomicBool::new(false));
        let processes = move |lives: &Mutex<Lives>, began| look_at(lives, began, &database);
        let folders = move |lives: &Mutex<Lives>, began: Instant| {
            let found = disk.look();
            let now = began.elapsed().as_secs_f64();
            let mut lives = lives.lock().unwrap();
            let life = lives.get_mut(DISK).and_then(|lives| lives.last_mut());
            let life = life.expect("it has begun");
            for (what, value) in found {
                life.push(what, now, value);
            }
        };
        let recording = [
            repeat(&lives, &is_over, every, processes),
            repeat(&lives, &is_over, every * DISK_EVERY, folders),
        ];
        Self {
            lives,
            is_over,
            recording,
        }
    }

    /// Another life of a process begins.
    pub(super) fn has_started(&self, name: &str, pid: u32) {
        begin(&mut self.lives.lock().unwrap(), name, pid);
    }

    /// Ends the recording: what it says.
    pub(super) fn finish(self) -> Vec<Judged> {
        self.is_over.store(true, Ordering::Relaxed);
        for recording in self.recording {
            recording.thread().unpark();
            recording.join().expect("recording does not panic");
        }
        judge(&self.lives.lock().unwrap())
    }
}

/// Looks again and again, on a thread of its own.
fn repeat(
    lives: &Arc<Mutex<Lives>>,
    is_over: &Arc<AtomicBool>,
    every: Duration,
    look: impl Fn(&Mutex<Lives>, Instant) + Send + 'static,
) -> JoinHandle<()> {
    let (lives, is_over) = (Arc::clone(lives), Arc::clone(is_over));
    let began = Instant::now();
    thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            look(&lives, began);
            thread::park_timeout(every);
        }
    })
}

fn begin(lives: &mut Lives, name: &str, pid: u32) {
    let life = Life {
        pid,
        ..Life::default()
    };
    lives.entry(name.to_owned()).or_default().push(life);
}

/// Looks at every process; the database is many.
fn look_at(lives: &Mutex<Lives>, began: Instant, database: &str) {
    let mut lives = lives.lock().unwrap();
    let now = began.elapsed().as_secs_f64();
    for (name, lives) in lives.iter_mut() {
        let Some(life) = lives.last_mut().filter(|life| life.pid != 0) else {
            continue;
        };
        let found = if name == database {
            of_tree(life.pid)
        } else {
            of_process(life.pid)
        };
        let Some([memory, descriptors, threads]) = found else {
            continue;
        };
        life.push("memory", now, memory);
        life.push("descriptors", now, descriptors);
        let parts = if name == database {
            "processes"
        } else {
            "threads"
        };
        life.push(parts, now, threads);
    }
}

impl Life {
    pub(super) fn push(&mut self, what: &'static str, now: f64, value: f64) {
        self.series.entry(what).or_default().push((now, value));
    }
}

/// Resident bytes, open descriptors and threads; none of a process that is gone.
fn of_process(pid: u32) -> Option<[f64; 3]> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some([
        field(&status, "VmRSS:")? * 1024.0,
        descriptors(pid)?,
        field(&status, "Threads:")?,
    ])
}

/// Bytes, of which what is shared counts once, open descriptors and processes, of one with its children.
fn of_tree(pid: u32) -> Option<[f64; 3]> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let children = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    let mut sum = [0.0; 3];
    for pid in std::iter::once(pid).chain(children) {
        // A connection may end between two looks.
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let of_it = [
            field(&rollup, "Pss:").unwrap_or_default() * 1024.0,
            descriptors(pid).unwrap_or_default(),
            1.0,
        ];
        for (sum, one) in sum.iter_mut().zip(of_it) {
            *sum += one;
        }
    }
    Some(sum)
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn descriptors(pid: u32) -> Option<f64> {
    let count = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}
