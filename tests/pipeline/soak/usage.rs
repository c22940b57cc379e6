//! What every process of ours takes over time, from `/proc`, and what lies on disk: sampled on a thread of
//! its own, life by life, and judged by the rule of [`super::slope`].
//!
//! Lives of what is killed are short, so one member of each group never is: it is only stopped and cut off.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    machine::{Machine, all},
    slope::{Sample, Trend},
    watch,
};
use crate::whole::database::Database;

const MIB: f64 = 1_048_576.0;

/// What is measured, and by how much it may rise over the time of a life that is judged: the greater of an
/// absolute bound and a share of its median.
const BOUNDS: [(&str, f64, f64); 7] = [
    // Less than what glibc's arenas and librdkafka's queues take and give back in an outage.
    ("memory", 16.0 * MIB, 0.25),
    // Connections come and go in storms when something is cut off; every one that leaks stays.
    ("descriptors", 16.0, 0.5),
    // Kafka's client has one for each broker address that it is told; the blocking pool comes and goes.
    ("threads", 8.0, 0.0),
    // What is spooled in an outage is gone after it.
    ("spool", 2.0 * MIB, 0.0),
    // Two dozen schemas.
    ("schema cache", 0.25 * MIB, 0.0),
    // Twice what a checkpoint leaves behind.
    ("write-ahead log", 96.0 * MIB, 0.0),
    // Rows are kept by design; what an event costs is not to grow.
    ("tables per event", 256.0, 0.3),
];

/// How often the disk is looked at, in samples of the processes.
const DISK_EVERY: u32 = 5;

/// One life of a process, or a folder: samples by what is measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    pid: u32,
    pub(super) series: BTreeMap<&'static str, Vec<Sample>>,
}

type Lives = BTreeMap<String, Vec<Life>>;

/// The recording.
pub(super) struct Usage {
    lives: Arc<Mutex<Lives>>,
    is_over: Arc<AtomicBool>,
    recording: JoinHandle<()>,
}

impl Usage {
    /// Records whatever runs now, and what is said to have started since.
    pub(super) fn record(machine: &mut Machine, every: Duration) -> Self {
        let mut lives = Lives::new();
        for who in all() {
            let pid = machine.pid_of(who).expect("everything runs");
            begin(&mut lives, &machine.name_of(who), pid);
        }
        let disk = Disk {
            spool: machine.pipeline.file("spool"),
            schemas: machine.pipeline.file("schemas"),
            database: machine.pipeline.database.clone(),
            bootstrap: machine.pipeline.bootstrap.clone(),
        };
        begin(&mut lives, "disk", 0);
        let lives = Arc::new(Mutex::new(lives));
        let is_over = Arc::new(AtomicBool::new(false));
        let (taken, ends) = (Arc::clone(&lives), Arc::clone(&is_over));
        let recording = thread::spawn(move || {
            let began = Instant::now();
            for round in 0_u32.. {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                look_at_processes(&taken, began);
                if round % DISK_EVERY == 0 {
                    disk.look(&taken, began);
                }
                thread::park_timeout(every);
            }
        });
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
        self.recording.thread().unpark();
        self.recording.join().expect("recording does not panic");
        judge(&self.lives.lock().unwrap())
    }
}

fn begin(lives: &mut Lives, name: &str, pid: u32) {
    let life = Life {
        pid,
        ..Life::default()
    };
    lives.entry(name.to_owned()).or_default().push(life);
}

fn look_at_processes(lives: &Mutex<Lives>, began: Instant) {
    let mut lives = lives.lock().unwrap();
    let now = began.elapsed().as_secs_f64();
    for life in lives.values_mut().filter_map(|lives| lives.last_mut()) {
        let Some([memory, descriptors, threads]) = of_process(life.pid) else {
            continue;
        };
        life.push("memory", now, memory);
        life.push("descriptors", now, descriptors);
        life.push("threads", now, threads);
    }
}

impl Life {
    fn push(&mut self, what: &'static str, now: f64, value: f64) {
        self.series.entry(what).or_default().push((now, value));
    }
}

/// Resident bytes, open descriptors and threads; none of a process that is gone.
fn of_process(pid: u32) -> Option<[f64; 3]> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = u32::try_from(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count()).ok()?;
    Some([
        field("VmRSS:")? * 1024.0,
        f64::from(descriptors),
        field("Threads:")?,
    ])
}

/// What lies on disk of ours. Kafka's log is left out: it keeps what it is given.
struct Disk {
    spool: PathBuf,
    schemas: PathBuf,
    database: Database,
    bootstrap: String,
}

impl Disk {
    fn look(&self, lives: &Mutex<Lives>, began: Instant) {
        let mut found = vec![
            ("spool", bytes_in(&self.spool)),
            ("schema cache", bytes_in(&self.schemas)),
        ];
        // A database that is away is asked again.
        let number = |query: &str| self.database.number("payment", query).ok();
        if let Some(bytes) = number("SELECT sum(size)::bigint FROM pg_ls_waldir()") {
            found.push(("write-ahead log", bytes as f64));
        }
        if let (Some(bytes), Ok(events)) = (
            number("SELECT pg_database_size(current_database())"),
            watch::events(&self.bootstrap),
        ) {
            found.push(("tables per event", bytes as f64 / events.max(1) as f64));
        }
        let now = began.elapsed().as_secs_f64();
        let mut lives = lives.lock().unwrap();
        let life = lives.get_mut("disk").and_then(|lives| lives.last_mut());
        let life = life.expect("it has begun");
        for (what, bytes) in found {
            life.push(what, now, bytes);
        }
    }
}

/// The bytes of all files in a folder and those below it.
fn bytes_in(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len() as f64,
        // Gone since it was listed.
        Err(_) => 0.0,
    });
    sizes.sum()
}

/// One number of one process, and the longest of its lives that can be judged.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) what: &'static str,
    pub(super) lives: usize,
    pub(super) max: f64,
    /// None when every life was too short.
    pub(super) trend: Option<Trend>,
    pub(super) bound: f64,
    pub(super) is_growing: bool,
    /// The samples of that life, or of the last.
    pub(super) samples: Vec<Sample>,
}

/// The sandbox stands in for a provider: it keeps all that it was ever asked in memory.
fn grows_by_design(name: &str, what: &str) -> bool {
    (name, what) == ("sandbox", "memory")
}

/// Every life that can be judged is; the one that grows most is shown.
fn judge(lives: &Lives) -> Vec<Judged> {
    let mut judged = Vec::new();
    for (name, lives) in lives {
        for (what, absolute, share) in BOUNDS {
            let all: Vec<&Vec<Sample>> = lives
                .iter()
                .filter_map(|life| life.series.get(what))
                .collect();
            let Some(last) = all.last() else {
                continue;
            };
            let trends = all
                .iter()
                .filter_map(|samples| Some((*samples, Trend::of(samples)?)));
            let worst = trends.max_by(|one, other| one.1.growth().total_cmp(&other.1.growth()));
            let trend = worst.map(|(_, trend)| trend);
            let bound = trend.map_or(absolute, |trend| absolute.max(trend.median * share));
            let values = all
                .iter()
                .flat_map(|samples| samples.iter().map(|sample| sample.1));
            judged.push(Judged {
                name: name.clone(),
                what,
                lives: all.len(),
                max: values.fold(0.0, f64::max),
                is_growing: !grows_by_design(name, what)
                    && trend.is_some_and(|trend| trend.exceeds(bound)),
                trend,
                bound,
                samples: worst.map_or(*last, |(samples, _)| samples).clone(),
            });
        }
    }
    judged
}
