//! The share of dead letters among the latest records.
//!
//! After a bad deployment every record may look like poison. Above the limit the group pauses
//! instead of emptying its topics into the dead letters.

use std::collections::VecDeque;

/// A sliding window over the fate of records.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tally {
    window: VecDeque<(u32, u32)>,
    records: u32,
    set_aside: u32,
    window_records: u32,
    share_max: f64,
}

impl Tally {
    /// A window of so many records, in which at most this share (0 to 1) may be set aside.
    #[must_use]
    pub(crate) fn new(window_records: u32, share_max: f64) -> Self {
        Self {
            window: VecDeque::new(),
            records: 0,
            set_aside: 0,
            window_records,
            share_max,
        }
    }

    /// Whether a batch would break the limit. A window that is not a quarter full yet is too
    /// little to tell.
    #[must_use]
    pub(crate) fn would_exceed(&self, records: u32, set_aside: u32) -> bool {
        let (all, bad) = (self.records + records, self.set_aside + set_aside);
        all >= self.window_records / 4 && f64::from(bad) > self.share_max * f64::from(all)
    }

    /// Counts a batch that was written.
    pub(crate) fn count(&mut self, records: u32, set_aside: u32) {
        self.window.push_back((records, set_aside));
        self.records += records;
        self.set_aside += set_aside;
        while self.records > self.window_records && self.window.len() > 1 {
            if let Some((records, set_aside)) = self.window.pop_front() {
                self.records -= records;
                self.set_aside -= set_aside;
            }
        }
    }

    /// Forgets what was counted: an operator has looked.
    pub(crate) fn clear(&mut self) {
        self.window.clear();
        self.records = 0;
        self.set_aside = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_dead_letters_among_many_records_are_normal() {
        let mut tally = Tally::new(1000, 0.5);
        tally.count(900, 30);
        assert!(!tally.would_exceed(100, 40));
    }

    #[test]
    fn more_than_the_share_pauses_the_group() {
        let mut tally = Tally::new(1000, 0.5);
        tally.count(500, 200);
        assert!(tally.would_exceed(500, 400));
    }

    #[test]
    fn the_first_few_records_are_too_little_to_tell() {
        assert!(!Tally::new(1000, 0.5).would_exceed(3, 3));
    }

    #[test]
    fn old_records_leave_the_window() {
        let mut tally = Tally::new(100, 0.5);
        tally.count(100, 50);
        tally.count(100, 0);
        assert!(!tally.would_exceed(100, 90));
    }
}
