//! How far a run is: a bar on a terminal, a log line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const LINE_INTERVAL: Duration = Duration::from_secs(5);

pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines {
        total: Option<u64>,
        done: u64,
        last: Instant,
    },
    Hidden,
}

impl Progress {
    pub(crate) fn start(total: Option<u64>, is_shown: bool) -> Self {
        if !is_shown {
            return Self::Hidden;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                total,
                done: 0,
                last: Instant::now(),
            };
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let style = ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {human_pos}/{human_len} {per_sec}",
        );
        Self::Bar(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn advance(&mut self, by: u64) {
        match self {
            Self::Hidden => {}
            Self::Bar(bar) => bar.inc(by),
            Self::Lines { total, done, last } => {
                *done += by;
                if last.elapsed() >= LINE_INTERVAL {
                    *last = Instant::now();
                    tracing::info!(done = *done, total = ?*total, "simulating");
                }
            }
        }
    }

    pub(crate) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
