//! What the sandbox is told at start.

use std::{path::PathBuf, time::Duration};

use crate::faults::{Faults, Span};

/// Everything that can be set. [`Config::new`] gives the defaults.
#[derive(Clone)]
pub struct Config {
    /// The folder of the journal; made if it is not there. One process at a time.
    pub journal: PathBuf,
    /// What goes wrong. Default: nothing. Can be replaced while running.
    pub faults: Faults,
    /// How long an answer takes, unless the faults say otherwise. Default: no time.
    pub latency: Span,
    /// How long a reply is kept under its idempotency key. Default 24 hours, Stripe's promise;
    /// shorter to see what happens when the provider forgets.
    pub key_retention: Duration,
    /// How far the search lags behind. Default 1 second.
    pub search_delay: Duration,
    /// The bearer key that is let in. Default none: any key is.
    pub api_key: Option<String>,
    /// A segment of the journal is closed at this size. Default 32 MiB.
    pub segment_bytes_max: u64,
    /// Open connections; more wait to be accepted. Default 4096.
    pub connections_max: usize,
    /// Requests being worked on, those included whose caller has gone; more are answered 429.
    /// Default 16384. Bounds the queue of the journal.
    pub operations_max: usize,
    /// A longer body is answered 413. Default 64 KiB.
    pub body_bytes_max: usize,
    /// How long headers and a body may take to arrive. Default 10 seconds.
    pub read_timeout: Duration,
    /// How long requests may take to end after shutdown was asked for. Default 5 seconds.
    pub shutdown_grace: Duration,
}

impl Config {
    /// The defaults, with the journal in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            journal: folder.into(),
            faults: Faults::default(),
            latency: Span::default(),
            key_retention: Duration::from_secs(24 * 60 * 60),
            search_delay: Duration::from_secs(1),
            api_key: None,
            segment_bytes_max: 32 << 20,
            connections_max: 4096,
            operations_max: 16_384,
            body_bytes_max: 64 << 10,
            read_timeout: Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(5),
        }
    }

    /// Every mistake, each by its field.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes: Vec<String> = self
            .faults
            .mistakes()
            .into_iter()
            .map(|mistake| format!("faults.{mistake}"))
            .collect();
        if self.journal.as_os_str().is_empty() {
            mistakes.push("journal: a folder is expected".into());
        }
        if self.latency.min > self.latency.max {
            mistakes.push(format!(
                "latency: min {} is more than max {}",
                self.latency.min, self.latency.max
            ));
        }
        if self.api_key.as_deref() == Some("") {
            mistakes.push("api_key: empty; leave it out to let any key in".into());
        }
        for (field, value) in [
            ("segment_bytes_max", self.segment_bytes_max),
            ("connections_max", self.connections_max as u64),
            ("operations_max", self.operations_max as u64),
            ("body_bytes_max", self.body_bytes_max as u64),
        ] {
            if value == 0 {
                mistakes.push(format!("{field}: 0; at least 1 is expected"));
            }
        }
        for (field, value) in [
            ("connections_max", self.connections_max),
            ("operations_max", self.operations_max),
        ] {
            if value > tokio::sync::Semaphore::MAX_PERMITS {
                mistakes.push(format!("{field}: {value} is too many"));
            }
        }
        if self.read_timeout.is_zero() {
            mistakes.push("read_timeout: 0; nothing could be read".into());
        }
        mistakes
    }
}

impl std::fmt::Debug for Config {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("journal", &self.journal)
            .field("faults", &self.faults)
            .field("latency", &self.latency)
            .field("key_retention", &self.key_retention)
            .field("search_delay", &self.search_delay)
            .field("api_key", &self.api_key.as_ref().map(|_| "hidden"))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_named_and_the_key_is_hidden() {
        let mut config = Config::new("");
        config.latency = Span { min: 2, max: 1 };
        config.connections_max = 0;
        config.api_key = Some("sk_test_secret".into());
        config.faults.hand_over_refused_per_mille = 2000;
        let mistakes = config.mistakes().join("\n");
        for part in [
            "journal",
            "latency",
            "connections_max",
            "faults.hand_over_refused_per_mille",
        ] {
            assert!(mistakes.contains(part), "{part} in {mistakes}");
        }
        assert!(!format!("{config:?}").contains("sk_test_secret"));
    }
}
