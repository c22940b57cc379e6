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
    /// So many records may still be written whatever becomes of them.
    pass: u32,
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
            pass: 0,
        }
    }

    /// Whether a batch would break the limit. A window that is not a quarter full yet is too
    /// little to tell.
    #[must_use]
    pub(crate) fn would_exceed(&self, records: u32, set_aside: u32) -> bool {
        if self.pass > 0 || mutants::on("dead-letter-limit-off") {
            return false;
        }
        let (all, bad) = (self.records + records, self.set_aside + set_aside);
        all >= self.window_records / 4 && f64::from(bad) > self.share_max * f64::from(all)
    }

    /// Counts a batch that was written.
    pub(crate) fn count(&mut self, records: u32, set_aside: u32) {
        self.pass = self.pass.saturating_sub(records);
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

    /// An operator has looked and lets the group go on: forgets what was counted, and lets a
    /// window's worth of records pass, for the batch that broke the limit is still to be written.
    pub(crate) fn let_pass(&mut self) {
        self.window.clear();
        self.records = 0;
        self.set_aside = 0;
        self.pass = self.window_records;
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
    fn an_operator_lets_one_window_pass_and_no_more() {
        let mut tally = Tally::new(1000, 0.5);
        assert!(tally.would_exceed(600, 600));
        tally.let_pass();
        for _ in 0..2 {
            assert!(!tally.would_exceed(600, 600));
            tally.count(600, 600);
        }
        assert!(tally.would_exceed(600, 600), "and then judges what passed");
    }

    #[test]
    fn old_records_leave_the_window() {
        let mut tally = Tally::new(100, 0.5);
        tally.count(100, 50);
        tally.count(100, 0);
        assert!(!tally.would_exceed(100, 90));
    }
}
