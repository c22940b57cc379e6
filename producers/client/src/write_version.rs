//! The version that a producer writes: on the way from the lowest, which everybody reads, up to the
//! wanted one, as far as the live groups read. Never back by itself: a lower version is a setting.
//!
//! Separate from the gate because the gate answers once, and this remembers: also of a group that is
//! behind, whose time it is not yet for a purchase that only a higher version can say.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use prometheus::IntGauge;

use crate::gate::{GateRefusal, VersionGate, allow};
use crate::metrics;

/// The lowest version that anybody reads.
const LOWEST: u8 = 1;
/// The highest version that anything can need.
const NEWEST: u32 = schemas::versions::NEWEST;
/// No group has been heard of.
const NOT_KNOWN: u8 = 0;

/// What a producer writes, and what it is to write. Shared between whoever writes and whoever asks.
#[derive(Debug)]
pub struct WriteVersion {
    wanted: u8,
    written: IntGauge,
    /// What the slowest group reads, as last heard.
    slowest: AtomicU8,
}

impl WriteVersion {
    /// That version, whoever reads it.
    #[must_use]
    pub fn fixed(version: u8) -> Self {
        Self::from(version, version)
    }

    /// The lowest version until [`advance`](Self::advance) finds that more is understood.
    #[must_use]
    pub fn cautious(wanted: u8) -> Self {
        Self::from(LOWEST.min(wanted), wanted)
    }

    fn from(written: u8, wanted: u8) -> Self {
        let gauge = metrics::write_version();
        gauge.set(i64::from(written));
        Self {
            wanted,
            written: gauge,
            slowest: AtomicU8::new(NOT_KNOWN),
        }
    }

    /// The version that is written now.
    #[must_use]
    pub fn now(&self) -> u8 {
        u8::try_from(self.written.get()).unwrap_or(LOWEST)
    }

    /// The version that is to be written.
    #[must_use]
    pub fn wanted(&self) -> u8 {
        self.wanted
    }

    /// Whether that is the same.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.now() >= self.wanted
    }

    /// Whether a live group is known to read lower than `version`: it would park what needs that
    /// version, and what becomes of it would be decided without that group. False while nobody was
    /// heard, and where the version is forced.
    #[must_use]
    pub fn is_ahead_of_readers(&self, version: u32) -> bool {
        let slowest = self.slowest.load(Ordering::Relaxed);
        slowest != NOT_KNOWN && u32::from(slowest) < version
    }

    /// Whether there is nothing more to ask: the wanted version is written, and no group is known
    /// to read lower than a purchase may need.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_reached() && !self.is_ahead_of_readers(NEWEST)
    }

    /// The version that is written now, as a metric.
    #[must_use]
    pub fn gauge(&self) -> IntGauge {
        self.written.clone()
    }

    /// Goes as far towards the wanted version as the live groups read. Without an answer it stays
    /// where it is.
    ///
    /// # Errors
    /// Why the wanted version is not written yet.
    pub async fn advance(&self, gate: &dyn VersionGate) -> Result<(), GateRefusal> {
        if self.is_settled() {
            return Ok(());
        }
        let readers = gate.live_readers().await.map_err(GateRefusal::Unknown)?;
        let slowest = readers.iter().map(|reader| reader.reads).min();
        let known = slowest.unwrap_or(u8::MAX).max(LOWEST);
        self.slowest.store(known, Ordering::Relaxed);
        let understood = slowest.unwrap_or(self.wanted).min(self.wanted);
        if understood > self.now() {
            self.written.set(i64::from(understood));
        }
        // What is written at a version may need a reader of that version: a basket does.
        allow(readers, self.wanted, self.wanted)
    }

    /// Asks again every `every` until there is nothing more to ask; says so when the wanted version
    /// is written, and whenever what holds it back has changed.
    pub async fn keep_advancing(&self, gate: &dyn VersionGate, every: Duration) {
        let mut known = None;
        let mut was_reached = false;
        loop {
            let refusal = self.advance(gate).await.err();
            if self.is_reached() && !was_reached {
                was_reached = true;
                tracing::info!(version = self.now(), "writing the wanted version");
            }
            if self.is_settled() {
                return;
            }
            if let Some(refusal) = refusal.filter(|_| !was_reached)
                && known.as_ref() != Some(&refusal)
            {
                tracing::warn!(%refusal, version = self.now(), "writing a lower version meanwhile");
                known = Some(refusal);
            }
            tokio::time::sleep(every).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Mutex;

    use super::*;
    use crate::gate::LiveReader;

    type Answer = Result<Vec<LiveReader>, String>;

    /// Gives its answers one after the other.
    struct Groups(Mutex<VecDeque<Answer>>);

    impl Groups {
        fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
            Self(Mutex::new(answers.into_iter().collect()))
        }
    }

    impl VersionGate for Groups {
        fn live_readers(&self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
            let answer = self.0.lock().unwrap().pop_front();
            Box::pin(std::future::ready(
                answer.expect("asked no more than needed"),
            ))
        }
    }

    fn reading(versions: &[u8]) -> Answer {
        let reader = |reads: &u8| LiveReader {
            group: format!("group-{reads}"),
            reads: *reads,
        };
        Ok(versions.iter().map(reader).collect())
    }

    #[tokio::test]
    async fn it_goes_as_far_as_the_slowest_reader_and_never_back() {
        let version = WriteVersion::cautious(3);
        assert_eq!(version.now(), 1);
        let groups = Groups::new([
            Err("kafka is away".into()),
            reading(&[3, 2]),
            reading(&[1, 3]),
            reading(&[3, 4]),
        ]);
        let mut written = Vec::new();
        for _ in 0..4 {
            let is_refused = version.advance(&groups).await.is_err();
            written.push((version.now(), is_refused));
        }
        assert_eq!(written, [(1, true), (2, true), (2, true), (3, false)]);
        assert_eq!(version.gauge().get(), 3);
    }

    #[tokio::test]
    async fn where_nobody_reads_the_wanted_version_is_written() {
        let version = WriteVersion::cautious(3);
        assert_eq!(version.advance(&Groups::new([reading(&[])])).await, Ok(()));
        assert_eq!(version.now(), 3);
    }

    #[tokio::test]
    async fn a_forced_version_and_the_lowest_ask_nobody() {
        for (version, written) in [(WriteVersion::fixed(3), 3), (WriteVersion::cautious(1), 1)] {
            assert_eq!(version.advance(&Groups::new([])).await, Ok(()));
            assert_eq!(version.now(), written);
        }
    }

    #[tokio::test]
    async fn it_is_ahead_of_readers_that_it_has_heard_of_and_of_no_others() {
        let version = WriteVersion::cautious(2);
        assert!(!version.is_ahead_of_readers(3), "nobody was heard");
        for (reads, is_ahead) in [(&[1, 3][..], true), (&[2, 3], true), (&[3, 4], false)] {
            version.advance(&Groups::new([reading(reads)])).await.ok();
            assert_eq!(version.is_ahead_of_readers(3), is_ahead, "{reads:?}");
            assert_eq!(version.is_settled(), !is_ahead, "{reads:?}");
        }
        let forced = WriteVersion::fixed(3);
        assert!(forced.is_settled() && !forced.is_ahead_of_readers(3));
        let nobody = WriteVersion::cautious(3);
        nobody.advance(&Groups::new([reading(&[])])).await.unwrap();
        assert!(!nobody.is_ahead_of_readers(3));
    }

    #[tokio::test]
    async fn it_keeps_asking_until_the_last_reader_has_followed() {
        let version = WriteVersion::cautious(2);
        // The wanted version is written from the third on; a purchase may need more than that.
        let groups = Groups::new([
            reading(&[1]),
            Err("away".into()),
            reading(&[2]),
            Err("away".into()),
            reading(&[3]),
        ]);
        let every = Duration::from_millis(1);
        version.keep_advancing(&groups, every).await;
        assert_eq!(version.now(), 2);
        assert!(groups.0.lock().unwrap().is_empty());
    }
}
