//! A declared wait of one part of a member: shown in the status for as long as it lasts, and logged
//! when it begins and when it ends. An outage that lasts an hour is two lines, not one per attempt.

use std::{sync::Arc, time::Instant};

use crate::status::Status;

/// Whether a part waits, and for what.
#[derive(Debug)]
pub(crate) struct Wait {
    part: String,
    status: Arc<Status>,
    since: Option<(String, Instant)>,
}

impl Wait {
    pub(crate) fn new(part: impl Into<String>, status: Arc<Status>) -> Self {
        Self {
            part: part.into(),
            status,
            since: None,
        }
    }

    /// It waits for something, and has tried in vain.
    pub(crate) fn on(&mut self, dependency: &str, why: &str) {
        let part = self.part.as_str();
        self.status.set_waiting(part, Some(dependency));
        match &self.since {
            Some((known, _)) if known == dependency => {
                tracing::debug!(part, dependency, why, "still waiting");
            }
            _ => {
                tracing::warn!(part, dependency, why, "waiting");
                self.since = Some((dependency.to_owned(), Instant::now()));
            }
        }
    }

    /// It waits for something that comes and goes under full load, and is shown without a log line.
    pub(crate) fn quietly(&self, dependency: &str) {
        self.status.set_waiting(&self.part, Some(dependency));
    }

    /// What it waited for is there.
    pub(crate) fn over(&mut self) {
        let part = self.part.as_str();
        self.status.set_waiting(part, None);
        if let Some((dependency, since)) = self.since.take() {
            let waited_seconds = since.elapsed().as_secs_f64();
            tracing::info!(part, dependency, waited_seconds, "goes on");
        }
    }
}
