//! Outgoing events of a shard: numbered in the batch, published in order, acknowledged in any.
//!
//! Everything up to the watermark has been acknowledged by the broker; everything behind it is
//! published again when the shard is taken. The watermark is stored with the next batch: a crash in
//! between publishes again what was published already, under the same event ids.

use std::collections::BTreeSet;

/// The publishing state of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outbox {
    next_sequence: i64,
    watermark: i64,
    stored_watermark: i64,
    waiting: BTreeSet<i64>,
}

impl Outbox {
    /// The state as it is stored: the next number to give, the watermark, and the events behind it.
    /// The other numbers behind it were given to tasks or parked records: the watermark may be
    /// further on than it was stored.
    #[must_use]
    pub(crate) fn stored(
        next_sequence: i64,
        watermark: i64,
        unpublished: impl IntoIterator<Item = i64>,
    ) -> Self {
        let mut outbox = Self {
            next_sequence,
            watermark,
            stored_watermark: watermark,
            waiting: unpublished.into_iter().collect(),
        };
        outbox.settle();
        outbox
    }

    /// The next number to give.
    #[must_use]
    pub(crate) fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    /// All numbers up to this one are acknowledged or were never given to an event.
    #[must_use]
    pub(crate) fn watermark(&self) -> i64 {
        self.watermark
    }

    /// Whether the watermark has moved since it was stored.
    #[must_use]
    pub(crate) fn is_ahead_of_store(&self) -> bool {
        self.watermark > self.stored_watermark
    }

    /// Whether an event was given a number and the broker has it.
    #[must_use]
    pub(crate) fn is_acknowledged(&self, sequence: i64) -> bool {
        sequence < self.next_sequence && !self.waiting.contains(&sequence)
    }

    /// How many events are not acknowledged.
    #[must_use]
    pub(crate) fn unacknowledged(&self) -> usize {
        self.waiting.len()
    }

    /// How many numbers are behind the watermark: whoever takes the shard reads their events again.
    #[must_use]
    pub(crate) fn behind_watermark(&self) -> usize {
        usize::try_from(self.next_sequence - 1 - self.watermark).unwrap_or(0)
    }

    /// An event with a number was handed to the producer.
    pub(crate) fn published(&mut self, sequence: i64) {
        self.waiting.insert(sequence);
    }

    /// The broker has an event.
    pub(crate) fn acknowledged(&mut self, sequence: i64) {
        self.waiting.remove(&sequence);
        self.settle();
    }

    /// A batch has committed: its numbers are given, and this watermark is stored.
    pub(crate) fn committed(&mut self, next_sequence: i64, stored_watermark: i64) {
        self.next_sequence = next_sequence;
        self.stored_watermark = stored_watermark;
        self.settle();
    }

    fn settle(&mut self) {
        let last_settled = self
            .waiting
            .first()
            .filter(|_| !mutants::on("watermark-before-acknowledgement"))
            .map_or(self.next_sequence - 1, |first| first - 1);
        self.watermark = self.watermark.max(last_settled);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_watermark_waits_for_the_first_event_without_acknowledgement() {
        let mut outbox = Outbox::stored(1, 0, []);
        for sequence in 1..=3 {
            outbox.published(sequence);
        }
        outbox.committed(4, 0);
        outbox.acknowledged(3);
        outbox.acknowledged(2);
        assert_eq!(outbox.watermark(), 0);
        outbox.acknowledged(1);
        assert_eq!(outbox.watermark(), 3);
    }

    #[test]
    fn numbers_of_tasks_do_not_hold_the_watermark_back_when_it_is_read_again() {
        // 6 and 9 were given to tasks, 7 and 8 to events; the watermark was stored as 5.
        let read_again = Outbox::stored(10, 5, [7, 8]);
        assert_eq!(read_again.watermark(), 6);
        assert!(read_again.is_ahead_of_store());
        let only_tasks = Outbox::stored(10, 5, []);
        assert_eq!(only_tasks.watermark(), 9);
        assert_eq!(Outbox::stored(1, 0, []).watermark(), 0);
    }

    proptest! {
        #[test]
        fn nothing_behind_the_watermark_is_ever_unacknowledged(
            order in Just((1..=40_i64).collect::<Vec<_>>()).prop_shuffle(), upto in 0..40_usize
        ) {
            let mut outbox = Outbox::stored(1, 0, []);
            for sequence in 1..=40 {
                outbox.published(sequence);
            }
            outbox.committed(41, 0);
            for sequence in &order[..upto] {
                outbox.acknowledged(*sequence);
            }
            let missing = order[upto..].iter().min().copied().unwrap_or(41);
            prop_assert_eq!(outbox.watermark(), missing - 1);
        }
    }
}
