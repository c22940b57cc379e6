//! What of a shard's topics is known to be read, and so which of its timers may fire.
//!
//! A timer is a promise about the log: "when nothing has come by then". So one that is due fires
//! only once everything that was in the shard's topics when it became due is decided on. Kafka is
//! asked where the topics end; when the positions have reached those ends, every timer that was due
//! before the question may fire. After a pause, of the group or of its database, the backlog is
//! therefore read first, and a deadline that passed meanwhile does not win against an answer that
//! had arrived.
//!
//! - A topic in which nothing moves is read to its end, and holds nothing back.
//! - A partition that is halted holds its shard's timers until an operator has decided: what is
//!   behind the gap may be the very answer.
//! - While Kafka tells nothing at all, timers wait: what they decide could not be published either.
//! - A partition whose end is not told while others are, or whose end is not reached although
//!   nothing comes (the markers of a foreign producer's transaction are never given to a reader),
//!   is taken for read once the lane has had nothing left to do, and nothing has come of it, for
//!   `timer_patience`.

use std::{collections::BTreeMap, time::Duration};

use crate::{bookkeeping::rows::Position, group::Timestamp};

/// Where the topics of a shard began and ended when Kafka was asked, in the order of the topics;
/// none for a partition about which it did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// Just before it was asked.
    pub(crate) at: Timestamp,
    pub(crate) bounds: Vec<Option<(i64, i64)>>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Backlog {
    read_until: Timestamp,
    look: Option<Look>,
    /// Per topic, for how long nothing has come while the lane had nothing left to do.
    quiet: Vec<Duration>,
    held_since: Option<Timestamp>,
}

impl Backlog {
    /// A shard of which nothing is known yet.
    pub(crate) fn new(topics: usize) -> Self {
        Self {
            read_until: Timestamp::MIN,
            look: None,
            quiet: vec![Duration::ZERO; topics],
            held_since: None,
        }
    }

    /// Everything that was in the shard's topics at this time is read: timers that were due by then
    /// may fire.
    pub(crate) fn read_until(&self) -> Timestamp {
        self.read_until
    }

    /// Timers were looked for; says when the oldest was due of those that have to wait.
    pub(crate) fn hold(&mut self, oldest_due_at: Option<Timestamp>) {
        self.held_since = oldest_due_at;
    }

    /// When the oldest timer that waits was due.
    pub(crate) fn held_since(&self) -> Option<Timestamp> {
        self.held_since
    }

    /// A record has come.
    pub(crate) fn arrived(&mut self, topic: usize) {
        if let Some(quiet) = self.quiet.get_mut(topic) {
            *quiet = Duration::ZERO;
        }
    }

    /// Nothing was left to do for so long.
    pub(crate) fn rested(&mut self, elapsed: Duration) {
        for quiet in &mut self.quiet {
            *quiet = quiet.saturating_add(elapsed);
        }
    }

    /// Whether Kafka should be asked where the topics end.
    pub(crate) fn wants_look(&self) -> bool {
        let is_open = |look: &Look| look.bounds.iter().any(Option::is_none);
        self.held_since.is_some() && self.look.as_ref().is_none_or(is_open)
    }

    /// Kafka has answered. What it had not told before it may tell now: a later end holds as well.
    pub(crate) fn looked(&mut self, look: Look) {
        match &mut self.look {
            Some(before) => {
                for (before, now) in before.bounds.iter_mut().zip(look.bounds) {
                    *before = before.or(now);
                }
            }
            None => self.look = Some(look),
        }
    }

    /// Compares the positions with what Kafka has answered.
    pub(crate) fn settle(
        &mut self,
        topics: &[String],
        positions: &BTreeMap<String, Position>,
        patience: Duration,
    ) {
        let Some(look) = &self.look else {
            return;
        };
        let is_read = |index: usize, topic: &String| {
            let position = positions.get(topic);
            if position.is_some_and(|position| position.halted.is_some()) {
                return false;
            }
            let reached = |(first, end): (i64, i64)| {
                position.map_or(first, |position| position.next_offset) >= end
            };
            let bounds = look.bounds.get(index).copied().flatten();
            bounds.is_some_and(reached) || self.quiet[index] >= patience
        };
        if (topics.iter().enumerate()).all(|(index, topic)| is_read(index, topic)) {
            self.read_until = self.read_until.max(look.at);
            self.look = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    struct Case {
        backlog: Backlog,
        topics: Vec<String>,
        positions: BTreeMap<String, Position>,
    }

    fn case(next_offsets: [i64; 2]) -> Case {
        let topics = ["a", "b"].map(str::to_owned).to_vec();
        let at = |(topic, next_offset): (&String, i64)| {
            let position = Position::new(topic, 0, next_offset);
            (topic.clone(), position)
        };
        let mut backlog = Backlog::new(2);
        backlog.hold(Some(5));
        Case {
            backlog,
            positions: topics.iter().zip(next_offsets).map(at).collect(),
            topics,
        }
    }

    impl Case {
        fn look(&mut self, at: Timestamp, ends: [Option<i64>; 2]) {
            let bounds = ends.map(|end| end.map(|end| (0, end))).to_vec();
            self.backlog.looked(Look { at, bounds });
        }

        fn read_until(&mut self) -> Timestamp {
            self.backlog.settle(&self.topics, &self.positions, PATIENCE);
            self.backlog.read_until()
        }

        fn read(&mut self, topic: &str, next_offset: i64) {
            self.positions.get_mut(topic).unwrap().next_offset = next_offset;
        }
    }

    #[test]
    fn nothing_fires_before_the_ends_are_known() {
        let mut case = case([3, 0]);
        assert_eq!(case.read_until(), Timestamp::MIN);
        assert!(case.backlog.wants_look());
    }

    #[test]
    fn timers_wait_until_what_was_there_is_read_and_no_longer() {
        let mut case = case([3, 0]);
        case.look(7, [Some(5), Some(0)]);
        assert!(!case.backlog.wants_look());
        assert_eq!(case.read_until(), Timestamp::MIN);
        case.read("a", 5);
        assert_eq!(case.read_until(), 7);
        assert!(case.backlog.wants_look(), "for timers that are due later");
    }

    #[test]
    fn under_constant_load_an_older_look_is_still_reached() {
        let mut case = case([3, 0]);
        case.look(7, [Some(5), Some(0)]);
        case.look(9, [Some(500), Some(0)]);
        case.read("a", 6);
        assert_eq!(case.read_until(), 7);
    }

    #[test]
    fn a_halted_partition_holds_the_timers_however_quiet_it_is() {
        let mut case = case([5, 0]);
        case.positions.get_mut("a").unwrap().halted = Some("gap".to_owned());
        case.look(7, [Some(5), Some(0)]);
        case.backlog.rested(PATIENCE);
        assert_eq!(case.read_until(), Timestamp::MIN);
        case.positions.get_mut("a").unwrap().halted = None;
        assert_eq!(case.read_until(), 7);
    }

    #[test]
    fn an_end_that_is_not_told_is_asked_for_again_and_not_waited_for_for_ever() {
        let mut case = case([5, 0]);
        case.look(7, [Some(5), None]);
        assert_eq!(case.read_until(), Timestamp::MIN);
        assert!(case.backlog.wants_look());
        let mut told = case.backlog.clone();
        told.looked(Look {
            at: 8,
            bounds: vec![None, Some((0, 0))],
        });
        told.settle(&case.topics, &case.positions, PATIENCE);
        assert_eq!(told.read_until(), 7);
        case.backlog.rested(PATIENCE / 2);
        case.backlog.arrived(1);
        case.backlog.rested(PATIENCE / 2);
        assert_eq!(case.read_until(), Timestamp::MIN, "it came from there");
        case.backlog.rested(PATIENCE / 2);
        assert_eq!(case.read_until(), 7);
    }

    #[test]
    fn an_end_behind_which_nothing_comes_is_reached_in_the_end() {
        let mut case = case([5, 0]);
        case.look(7, [Some(6), Some(0)]);
        assert_eq!(case.read_until(), Timestamp::MIN);
        case.backlog.rested(PATIENCE);
        assert_eq!(case.read_until(), 7);
    }

    #[test]
    fn a_partition_that_was_never_read_is_read_when_it_is_empty() {
        let mut case = case([5, 0]);
        case.positions.remove("b");
        case.backlog.looked(Look {
            at: 7,
            bounds: vec![Some((0, 5)), Some((4, 4))],
        });
        assert_eq!(case.read_until(), 7);
    }
}
