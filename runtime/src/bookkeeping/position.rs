//! How far a partition has been read, and what became of each record.

use super::rows::Position;

/// What became of one record, for the accounting of its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It had its effect.
    Applied,
    /// It had been seen before.
    Duplicate,
    /// It does not concern the group.
    Ignored,
    /// It was set aside as a dead letter.
    SetAside,
    /// It was parked.
    Parked,
}

impl Fate {
    /// The label of the metric.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::SetAside => "set_aside",
            Self::Parked => "parked",
        }
    }
}

impl Position {
    /// Whether the record at an offset is still to be read. Offsets may skip (compaction, control
    /// records) but never go back.
    #[must_use]
    pub(crate) fn wants(&self, offset: i64) -> bool {
        offset >= self.next_offset
    }

    /// Counts a record's fate and moves behind it.
    pub(crate) fn advance(&mut self, offset: i64, fate: Fate) {
        debug_assert!(
            self.wants(offset),
            "{}[{}] went back",
            self.topic,
            self.partition
        );
        if self.accounted() == 0 && self.next_offset == self.start_offset {
            self.start_offset = offset;
        }
        self.next_offset = offset + 1;
        match fate {
            Fate::Applied => self.applied += 1,
            Fate::Duplicate => self.duplicates += 1,
            Fate::Ignored => self.ignored += 1,
            Fate::SetAside => self.set_aside += 1,
            Fate::Parked => self.parked += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_read_is_not_wanted_again() {
        let mut position = Position::new("t", 0, 10);
        assert!(position.wants(10));
        position.advance(10, Fate::Applied);
        assert!(!position.wants(10));
        assert!(position.wants(11));
    }

    #[test]
    fn every_record_is_accounted_for_once() {
        let mut position = Position::new("t", 0, 0);
        let fates = [
            Fate::Applied,
            Fate::Duplicate,
            Fate::Ignored,
            Fate::SetAside,
            Fate::Parked,
        ];
        for (offset, fate) in fates.into_iter().enumerate() {
            position.advance(offset as i64, fate);
        }
        assert_eq!(
            position.accounted(),
            position.next_offset - position.start_offset
        );
    }

    #[test]
    fn the_start_is_the_first_record_that_was_there() {
        let mut position = Position::new("t", 0, 0);
        position.advance(7, Fate::Applied);
        assert_eq!((position.start_offset, position.next_offset), (7, 8));
    }
}
