//! The version that a producer writes: on the way from the lowest, which everybody reads, up to the
//! wanted one, as far as the live groups read. Never back by itself: a lower version is a setting.
//!
//! Separate from the gate because the gate answers once, and this remembers: also of a group that is
//! behind, whose time it is not yet for a purchase that only a higher version can say. It never
//! stops asking: a group that is rolled back reads less than it did.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use prometheus::IntGauge;

use crate::gate::{GateRefusal, VersionGate, allow};
use crate::metrics;

/// The lowest version that anybody reads.
const LOWEST: u8 = 1;
/// No group has been heard of.
const NOT_KNOWN: u8 = 0;
/// So many questions in a row without an answer, and what was heard before no longer counts: it
/// would refuse purchases for a reader that may long be upgraded, or gone.
const FORGOTTEN_AFTER: u32 = 3;

/// What a producer writes, and what it is to write. Shared between whoever writes and whoever asks.
#[derive(Debug)]
pub struct WriteVersion {
    /// Whoever reads it: nobody is asked.
    is_forced: bool,
    wanted: u8,
    written: IntGauge,
    /// What the slowest group reads, as last heard.
    slowest: AtomicU8,
    /// Questions without an answer since the last one with.
    unanswered: AtomicU32,
}

impl WriteVersion {
    /// That version, whoever reads it.
    #[must_use]
    pub fn fixed(version: u8) -> Self {
        Self::from(version, version, true)
    }

    /// The lowest version until [`advance`](Self::advance) finds that more is understood.
    #[must_use]
    pub fn cautious(wanted: u8) -> Self {
        Self::from(LOWEST.min(wanted), wanted, false)
    }

    fn from(written: u8, wanted: u8, is_forced: bool) -> Self {
        let gauge = metrics::write_version();
        gauge.set(i64::from(written));
        Self {
            is_forced,
            wanted,
            written: gauge,
            slowest: AtomicU8::new(NOT_KNOWN),
            unanswered: AtomicU32::new(0),
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
    /// heard, or not for long, and where the version is forced.
    #[must_use]
    pub fn is_ahead_of_readers(&self, version: u32) -> bool {
        let slowest = self.slowest.load(Ordering::Relaxed);
        slowest != NOT_KNOWN && u32::from(slowest) < version
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
        if self.is_forced {
            return Ok(());
        }
        let readers = gate.live_readers().await.map_err(|why| {
            let before = self.unanswered.fetch_add(1, Ordering::Relaxed);
            if before + 1 >= FORGOTTEN_AFTER {
                self.slowest.store(NOT_KNOWN, Ordering::Relaxed);
            }
            GateRefusal::Unknown(why)
        })?;
        self.unanswered.store(0, Ordering::Relaxed);
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

    /// Asks again every `every`, for ever; says so when the wanted version is written, and whenever
    /// what stands in its way, or in the way of a purchase that needs it, has changed. Returns only
    /// where the version is forced.
    pub async fn keep_advancing(&self, gate: &dyn VersionGate, every: Duration) {
        if self.is_forced {
            return;
        }
        let mut known = None;
        let mut was_reached = false;
        loop {
            let refusal = self.advance(gate).await.err();
            if self.is_reached() && !was_reached {
                was_reached = true;
                tracing::info!(version = self.now(), "writing the wanted version");
            }
            // Once it is written, a question without an answer changes nothing.
            let refusal = refusal
                .filter(|refusal| !was_reached || !matches!(refusal, GateRefusal::Unknown(_)));
            if let Some(refusal) = &refusal
                && known.as_ref() != Some(refusal)
            {
                let version = self.now();
                tracing::warn!(%refusal, version, "a group reads less than is to be written");
            }
            known = refusal;
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
    async fn a_forced_version_asks_nobody() {
        let version = WriteVersion::fixed(3);
        assert_eq!(version.advance(&Groups::new([])).await, Ok(()));
        assert_eq!(version.now(), 3);
    }

    #[tokio::test]
    async fn it_is_ahead_of_readers_that_it_has_heard_of_and_of_no_others() {
        let version = WriteVersion::cautious(2);
        assert!(!version.is_ahead_of_readers(3), "nobody was heard");
        for (reads, is_ahead) in [(&[1, 3][..], true), (&[2, 3], true), (&[3, 4], false)] {
            version.advance(&Groups::new([reading(reads)])).await.ok();
            assert_eq!(version.is_ahead_of_readers(3), is_ahead, "{reads:?}");
        }
        let forced = WriteVersion::fixed(3);
        assert!(!forced.is_ahead_of_readers(3));
        let nobody = WriteVersion::cautious(3);
        nobody.advance(&Groups::new([reading(&[])])).await.unwrap();
        assert!(!nobody.is_ahead_of_readers(3));
    }

    #[tokio::test]
    async fn a_reader_that_falls_back_is_heard_of_after_all_could_read_everything() {
        let version = WriteVersion::cautious(3);
        let groups = Groups::new([reading(&[3]), reading(&[2]), reading(&[3])]);
        for is_ahead in [false, true, false] {
            version.advance(&groups).await.ok();
            assert_eq!(version.now(), 3, "never back by itself");
            assert_eq!(version.is_ahead_of_readers(3), is_ahead);
        }
    }

    #[tokio::test]
    async fn what_was_heard_is_forgotten_when_nobody_answers_for_long() {
        let version = WriteVersion::cautious(3);
        let away = || Err("kafka is away".into());
        let groups = Groups::new([reading(&[1]), away(), away(), reading(&[1])]);
        for _ in 0..4 {
            version.advance(&groups).await.ok();
            assert!(version.is_ahead_of_readers(2), "an answer came in between");
        }
        let groups = Groups::new([away(), away(), away()]);
        for is_ahead in [true, true, false] {
            version.advance(&groups).await.ok();
            assert_eq!(version.is_ahead_of_readers(2), is_ahead);
        }
        assert_eq!(version.now(), 1);
    }

    /// Says when it is asked for more answers than it has, and leaves that question open.
    struct OneMore(Groups, tokio::sync::Notify);

    impl VersionGate for OneMore {
        fn live_readers(&self) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
            if self.0.0.lock().unwrap().is_empty() {
                self.1.notify_one();
                return Box::pin(std::future::pending());
            }
            self.0.live_readers()
        }
    }

    #[tokio::test]
    async fn it_goes_on_asking_after_the_wanted_version_is_written() {
        let version = WriteVersion::cautious(2);
        let groups = Groups::new([
            reading(&[1]),
            Err("away".into()),
            reading(&[2]),
            Err("away".into()),
            reading(&[3]),
            reading(&[1]),
        ]);
        let groups = OneMore(groups, tokio::sync::Notify::new());
        tokio::select! {
            () = version.keep_advancing(&groups, Duration::from_millis(1)) => panic!("it stopped"),
            () = groups.1.notified() => {}
        }
        assert_eq!(version.now(), 2);
    }

    #[tokio::test]
    async fn a_forced_version_goes_on_asking_nobody() {
        let version = WriteVersion::fixed(3);
        version
            .keep_advancing(&Groups::new([]), Duration::MAX)
            .await;
    }
}
