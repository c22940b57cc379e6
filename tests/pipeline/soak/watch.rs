//! The live line, and what it says of the pipeline's progress: records from the topics, read on a thread of
//! its own so that a broker that does not answer holds up nothing else, and the oldest purchase that is not
//! explained from the audit that looks on.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use harness::records;

use super::{asked::Asked, machine::Machine, tally::Tally};
use crate::whole::{following::Following, quiet::TOPICS};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The live line.
pub(super) struct Watch {
    began: Instant,
    time: Duration,
    shown: Instant,
    /// How many records all topics held at the last look.
    events: Arc<AtomicI64>,
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<()>,
}

impl Watch {
    pub(super) fn begin(machine: &Machine, asked: &Asked) -> Self {
        let held = Arc::new(AtomicI64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let bootstrap = machine.pipeline.bootstrap.clone();
        let (sees, ends) = (Arc::clone(&held), Arc::clone(&is_over));
        let looking = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                // What does not answer is asked again.
                if let Ok(held) = events(&bootstrap) {
                    sees.store(held, Ordering::Relaxed);
                }
                thread::park_timeout(LOOK_EVERY);
            }
        });
        Self {
            began: Instant::now(),
            time: asked.time,
            shown: Instant::now(),
            events: held,
            is_over,
            looking,
        }
    }

    /// Shows it, not too often.
    pub(super) fn show(
        &mut self,
        tally: &Tally,
        audit: &Following,
        faults: impl FnOnce() -> Vec<String>,
    ) {
        let is_terminal = std::io::stderr().is_terminal();
        let every = Duration::from_secs(if is_terminal { 1 } else { 10 });
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let faults = match faults() {
            faults if faults.is_empty() => "nothing".to_owned(),
            faults => faults.join(", "),
        };
        let rounds = audit.rounds();
        let line = format!(
            "{} of {} s: {tally} survived; {} events; audited {} times, oldest unexplained {:.0} s; \
             under way: {faults}",
            self.began.elapsed().as_secs(),
            self.time.as_secs(),
            self.events.load(Ordering::Relaxed),
            rounds.looks(),
            rounds.oldest_seconds(),
        );
        let mut out = std::io::stderr();
        let written = match is_terminal {
            true => write!(out, "\r\x1b[2K{line}"),
            false => writeln!(out, "{line}"),
        };
        drop(written.and_then(|()| out.flush()));
    }

    /// Ends it.
    pub(super) fn finish(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.looking.thread().unpark();
        self.looking.join().expect("looking does not panic");
    }
}

/// How many records all topics hold.
pub(super) fn events(bootstrap: &str) -> anyhow::Result<i64> {
    let ends = records::ends(bootstrap, &TOPICS, ANSWER_WITHIN)?;
    Ok(ends.iter().flat_map(|topic| &topic.next_offsets).sum())
}
