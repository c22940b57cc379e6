//! The live line, and what it says of the pipeline's progress: read from topics and tables on a thread of
//! its own, so that a database that does not answer holds up nothing else.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use harness::records;

use super::{asked::Asked, machine::Machine, tally::Tally};
use crate::whole::{database::Database, quiet::TOPICS, shop::now};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When the first fact was recorded of the oldest purchase that has not come to an end, microseconds.
const OLDEST: &str = "\
    SELECT coalesce(min(recorded_at), 0) FROM purchases JOIN purchase_events USING (purchase_id) \
    WHERE status NOT IN ('completed', 'cancelled', 'refunded', 'payment_overdue')";

/// What was seen last.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    events: i64,
    oldest_seconds: i64,
    oldest_seconds_max: i64,
}

/// The live line.
pub(super) struct Watch {
    began: Instant,
    time: Duration,
    shown: Mutex<Instant>,
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<()>,
}

impl Watch {
    pub(super) fn begin(machine: &Machine, asked: &Asked) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (bootstrap, database) = {
            let pipeline = &machine.pipeline;
            (pipeline.bootstrap.clone(), pipeline.database.clone())
        };
        let (sees, ends) = (Arc::clone(&seen), Arc::clone(&is_over));
        let looking = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                look(&bootstrap, &database, &sees);
                thread::park_timeout(LOOK_EVERY);
            }
        });
        Self {
            began: Instant::now(),
            time: asked.time,
            shown: Mutex::new(Instant::now()),
            seen,
            is_over,
            looking,
        }
    }

    /// Shows it, not too often.
    pub(super) fn show(&self, tally: &Tally, faults: impl FnOnce() -> Vec<String>) {
        let is_terminal = std::io::stderr().is_terminal();
        let every = Duration::from_secs(if is_terminal { 1 } else { 10 });
        let mut shown = self.shown.lock().unwrap();
        if shown.elapsed() < every {
            return;
        }
        *shown = Instant::now();
        let seen = *self.seen.lock().unwrap();
        let faults = match faults() {
            faults if faults.is_empty() => "nothing".to_owned(),
            faults => faults.join(", "),
        };
        let line = format!(
            "{} of {} s: {tally} survived; {} events, oldest unexplained {} s; under way: {faults}",
            self.began.elapsed().as_secs(),
            self.time.as_secs(),
            seen.events,
            seen.oldest_seconds,
        );
        let mut out = std::io::stderr();
        let written = match is_terminal {
            true => write!(out, "\r\x1b[2K{line}"),
            false => writeln!(out, "{line}"),
        };
        drop(written.and_then(|()| out.flush()));
    }

    /// Ends it: the greatest age of what was not yet explained, seconds.
    pub(super) fn finish(self) -> i64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.looking.thread().unpark();
        self.looking.join().expect("looking does not panic");
        self.seen.lock().unwrap().oldest_seconds_max
    }
}

/// What does not answer is asked again.
fn look(bootstrap: &str, database: &Database, seen: &Mutex<Seen>) {
    if let Ok(events) = events(bootstrap) {
        seen.lock().unwrap().events = events;
    }
    if let Ok(oldest) = database.number("timeline", OLDEST) {
        let age = if oldest > 0 {
            (now() - oldest) / 1_000_000
        } else {
            0
        };
        let mut seen = seen.lock().unwrap();
        seen.oldest_seconds = age;
        seen.oldest_seconds_max = seen.oldest_seconds_max.max(age);
    }
}

/// How many records all topics hold.
pub(super) fn events(bootstrap: &str) -> anyhow::Result<i64> {
    let ends = records::ends(bootstrap, &TOPICS, ANSWER_WITHIN)?;
    Ok(ends.iter().flat_map(|topic| &topic.next_offsets).sum())
}
