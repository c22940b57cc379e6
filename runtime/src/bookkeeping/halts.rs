//! Partitions that stopped because their position lies outside of their topic, or before records that are
//! damaged: the exact account of what cannot be read, and the operator's decision where to go on.
//!
//! It is apart from the position because it outlives it: a halt that was decided stays as the proof
//! of what was skipped, by whom and why. A halted partition is not read by anybody until an operator
//! has said which way; `positions.halted` is the same in one sentence, for whoever reads positions.

use std::{fmt, ops::Range};

use super::rows::Position;
use crate::group::Timestamp;

crate::table! {
    /// One stop of one partition, and what was decided about it.
    pub struct Halt in "halts" {
        key {
            /// The topic.
            topic: String,
            /// The partition.
            partition: i32,
            /// The how manieth stop of this partition it is, from 1.
            number: i64,
        }
        /// When it was found, microseconds.
        halted_at: i64,
        /// See [`Cause`].
        cause: String,
        /// The offset of the record that was to be read next.
        next_offset: i64,
        /// The first offset that the topic had then; of what is damaged, the first behind it.
        first_offset: i64,
        /// The offset behind its last record then.
        end_offset: i64,
        /// The id of the topic that was read.
        topic_id: Option<String>,
        /// The id of the topic that was there then.
        present_topic_id: Option<String>,
        /// How many records cannot be read any more, as far as offsets tell; none when that cannot
        /// be known.
        unreadable: Option<i64>,
        /// `standing`, `asked` once an operator has decided, `moved` once the owner has followed.
        state: String,
        /// Where the operator wants it to go on; none for the first record that there is.
        move_to: Option<i64>,
        /// Who decided.
        moved_by: Option<String>,
        /// Why, in the operator's words.
        reason: Option<String>,
        /// When it was decided, microseconds.
        asked_at: Option<i64>,
        /// When the owner followed, microseconds.
        moved_at: Option<i64>,
        /// Where it went on.
        moved_to: Option<i64>,
        /// The first offset that nobody of the group has read, or will.
        skipped_from: Option<i64>,
        /// The offset behind the last of them.
        skipped_to: Option<i64>,
        /// Set when counting began anew at `moved_to`: how many records had been counted before.
        counted_before: Option<i64>,
    }
}

/// Why a partition stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Retention, or somebody, has deleted records before the group read them.
    DeletedUnread,
    /// The topic was deleted and created again: it has another id.
    CreatedAgain,
    /// The topic ends before the position: what was read is gone.
    BehindEnd,
    /// The bytes of records do not fit their checksum.
    Damaged,
}

impl Cause {
    const ALL: [Self; 4] = [
        Self::DeletedUnread,
        Self::CreatedAgain,
        Self::BehindEnd,
        Self::Damaged,
    ];

    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeletedUnread => "deleted_unread",
            Self::CreatedAgain => "created_again",
            Self::BehindEnd => "behind_end",
            Self::Damaged => "damaged",
        }
    }
}

/// What a topic holds of a partition now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The first offset.
    pub first: i64,
    /// The offset behind the last record.
    pub end: i64,
    /// The topic's id, when the cluster tells it.
    pub topic_id: Option<String>,
}

/// Where a decision leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The offset of the next record to be read.
    pub to: i64,
    /// The offsets that are not read, by this decision or because they are gone.
    pub skipped: Range<i64>,
    /// Whether counting begins anew, because offsets mean other records than before.
    pub begins_anew: bool,
}

impl Halt {
    /// The halt of a position that lies outside of what there is, if it does.
    #[must_use]
    pub(crate) fn found(
        position: &Position,
        present: &Present,
        number: i64,
        now: Timestamp,
    ) -> Option<Self> {
        let (next_offset, first) = (position.next_offset, present.first);
        let cause = if is_another(position.topic_id.as_deref(), present) {
            Cause::CreatedAgain
        } else if next_offset < first {
            Cause::DeletedUnread
        } else if next_offset > present.end {
            Cause::BehindEnd
        } else {
            return None;
        };
        // How far a topic went that is gone is not known to anybody.
        let unreadable = (cause == Cause::DeletedUnread).then_some(first - next_offset);
        Some(Self {
            unreadable,
            ..Self::standing(cause, position, (first, present), number, now)
        })
    }

    /// The halt of a position behind which records are damaged, up to an offset.
    #[must_use]
    pub(crate) fn damaged(
        position: &Position,
        readable: i64,
        present: &Present,
        number: i64,
        now: Timestamp,
    ) -> Self {
        Self {
            unreadable: Some(readable - position.next_offset),
            ..Self::standing(Cause::Damaged, position, (readable, present), number, now)
        }
    }

    fn standing(
        cause: Cause,
        position: &Position,
        (first, present): (i64, &Present),
        number: i64,
        now: Timestamp,
    ) -> Self {
        Self {
            topic: position.topic.clone(),
            partition: position.partition,
            number,
            halted_at: now,
            cause: cause.as_str().to_owned(),
            next_offset: position.next_offset,
            first_offset: first,
            end_offset: present.end,
            topic_id: position.topic_id.clone(),
            present_topic_id: present.topic_id.clone(),
            unreadable: None,
            state: "standing".to_owned(),
            move_to: None,
            moved_by: None,
            reason: None,
            asked_at: None,
            moved_at: None,
            moved_to: None,
            skipped_from: None,
            skipped_to: None,
            counted_before: None,
        }
    }

    /// Whether it waits: for a decision, or for the owner to follow one.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != "moved"
    }

    /// Why it stopped; none when a later build has written it for a reason of its own.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let mut causes = Cause::ALL.into_iter();
        causes.find(|cause| cause.as_str() == self.cause)
    }

    /// Where a decision leads, given what there is now: `to` an offset, or the first record that can be
    /// read.
    #[must_use]
    pub fn leads_to(&self, to: Option<i64>, present: &Present) -> Move {
        let earliest = match self.cause() {
            Some(Cause::Damaged) => self.first_offset.max(present.first),
            _ => present.first,
        };
        let to = to.unwrap_or(earliest);
        let is_another = is_another(self.topic_id.as_deref(), present);
        let begins_anew = is_another || to < self.next_offset;
        let from = if begins_anew {
            present.first.min(to)
        } else {
            self.next_offset
        };
        Move {
            to,
            skipped: from..to,
            begins_anew,
        }
    }

    /// Follows the decision: the position goes on where the operator wants it to.
    pub(crate) fn follow(&mut self, position: &mut Position, present: &Present, now: Timestamp) {
        let Move {
            to,
            skipped,
            begins_anew,
        } = self.leads_to(self.move_to, present);
        self.state = "moved".to_owned();
        self.moved_at = Some(now);
        self.moved_to = Some(to);
        self.skipped_from = Some(skipped.start);
        self.skipped_to = Some(skipped.end);
        if begins_anew {
            self.counted_before = Some(position.accounted());
            position.start_offset = to;
            position.topic_id = None;
        }
        position.next_offset = to;
        position.halted = None;
    }
}

/// In one sentence, which is the exact account.
impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (next, first, end) = (self.next_offset, self.first_offset, self.end_offset);
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "unknown".to_owned());
        match self.cause() {
            Some(Cause::DeletedUnread) => write!(
                f,
                "{} records were deleted unread: {next} to {}; the topic holds {first} to {}",
                first - next,
                first - 1,
                end - 1
            ),
            Some(Cause::CreatedAgain) => write!(
                f,
                "the topic was created again: its id was {} and is {}; it was read up to {next} \
                 and now holds {} records; how many of the former were not read is not known",
                id(&self.topic_id),
                id(&self.present_topic_id),
                end - first
            ),
            Some(Cause::BehindEnd) => write!(
                f,
                "it was read up to {next} and ends at {end}: {} records that were read are gone",
                next - end
            ),
            Some(Cause::Damaged) => write!(
                f,
                "the bytes of {} records are damaged: {next} to {}; the next that can be read is {first}",
                first - next,
                first - 1
            ),
            None => write!(
                f,
                "{} at {next}; the topic holds {first} to {end}",
                self.cause
            ),
        }
    }
}

fn is_another(before: Option<&str>, present: &Present) -> bool {
    matches!((before, present.topic_id.as_deref()), (Some(before), Some(now)) if before != now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next_offset: i64, topic_id: Option<&str>) -> Position {
        Position {
            next_offset,
            applied: next_offset,
            topic_id: topic_id.map(str::to_owned),
            ..Position::new("t", 0, 0)
        }
    }

    fn there(first: i64, end: i64, topic_id: Option<&str>) -> Present {
        Present {
            first,
            end,
            topic_id: topic_id.map(str::to_owned),
        }
    }

    fn halt(position: &Position, present: &Present) -> Option<Halt> {
        Halt::found(position, present, 1, 7)
    }

    fn decided(halt: &Halt, to: Option<i64>) -> Halt {
        Halt {
            state: "asked".to_owned(),
            move_to: to,
            moved_by: Some("ada".to_owned()),
            reason: Some("seen to".to_owned()),
            asked_at: Some(8),
            ..halt.clone()
        }
    }

    #[test]
    fn a_position_within_the_topic_goes_on() {
        for (position, present) in [
            (at(5, Some("a")), there(0, 5, Some("a"))),
            (at(5, None), there(5, 9, Some("a"))),
            (at(5, Some("a")), there(0, 9, None)),
        ] {
            assert_eq!(halt(&position, &present), None);
        }
    }

    #[test]
    fn a_gap_is_accounted_for_exactly() {
        let halt = halt(&at(5, None), &there(8, 20, None)).unwrap();
        assert_eq!(halt.cause(), Some(Cause::DeletedUnread));
        assert_eq!(halt.unreadable, Some(3));
        let text = halt.to_string();
        assert!(
            text.contains("3 records") && text.contains("5 to 7"),
            "{text}"
        );
    }

    #[test]
    fn a_topic_that_was_created_again_is_another_topic_whatever_its_offsets() {
        for end in [0, 5, 9] {
            let halt = halt(&at(5, Some("a")), &there(0, end, Some("b"))).unwrap();
            assert_eq!(halt.cause(), Some(Cause::CreatedAgain));
            assert_eq!(halt.unreadable, None, "nobody knows");
        }
        let shrunk = halt(&at(5, None), &there(0, 4, None)).unwrap();
        assert_eq!(shrunk.cause(), Some(Cause::BehindEnd));
    }

    #[test]
    fn what_was_deleted_is_skipped_and_counting_goes_on() {
        let (mut position, present) = (at(5, None), there(8, 20, None));
        let mut halt = decided(&halt(&position, &present).unwrap(), None);
        halt.follow(&mut position, &present, 9);
        assert_eq!((halt.skipped_from, halt.skipped_to), (Some(5), Some(8)));
        assert_eq!((halt.state.as_str(), halt.counted_before), ("moved", None));
        assert_eq!((position.start_offset, position.next_offset), (0, 8));
        assert_eq!(position.halted, None);
    }

    #[test]
    fn what_is_left_out_on_purpose_is_in_the_account() {
        let (position, present) = (at(5, None), there(8, 20, None));
        let halt = halt(&position, &present).unwrap();
        assert_eq!(halt.leads_to(Some(20), &present).skipped, 5..20);
        assert_eq!(halt.leads_to(Some(5), &there(0, 20, None)).skipped, 5..5);
    }

    #[test]
    fn another_topic_is_counted_anew() {
        let (mut position, present) = (at(5, Some("a")), there(0, 9, Some("b")));
        let mut halt = decided(&halt(&position, &present).unwrap(), Some(2));
        halt.follow(&mut position, &present, 9);
        assert_eq!((halt.skipped_from, halt.skipped_to), (Some(0), Some(2)));
        assert_eq!(halt.counted_before, Some(5));
        assert_eq!((position.start_offset, position.next_offset), (2, 2));
        assert_eq!(position.topic_id, None, "it becomes that of the topic");
    }
}
