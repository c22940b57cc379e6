//! The steps of a member at which it can be made to fail.

/// A step: what has just been done, or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Records came from the broker and are not handed over to their lane.
    Fetched,
    /// A batch is decoded, and its transaction not begun.
    Decoded,
    /// The transaction has begun.
    Begun,
    /// The group is about to decide on one input.
    Deciding,
    /// The group's rows are written, among them those by which a repeated event is known.
    RowsWritten,
    /// Everything is written and the epochs are checked; the commit is next.
    Fenced,
    /// The database has committed; Kafka has not been told of the position.
    Committed,
    /// A task is about to ask whom it has to ask.
    Calling,
    /// The other side has answered, and the answer is not read.
    Called,
    /// The answer is read, and not written.
    Answered,
    /// A committed event is about to be handed to the producer.
    Publishing,
    /// The broker has the event, and it is not marked as published.
    Published,
    /// In the rebalance callback, when partitions are given.
    Assigned,
    /// In the rebalance callback, when partitions are taken away.
    Revoked,
    /// Shards are let go: what is committed is published, the watermark is not stored.
    Draining,
}

impl Step {
    /// All of them, in the order in which a batch meets them.
    pub const ALL: [Self; 15] = [
        Self::Fetched,
        Self::Decoded,
        Self::Begun,
        Self::Deciding,
        Self::RowsWritten,
        Self::Fenced,
        Self::Committed,
        Self::Calling,
        Self::Called,
        Self::Answered,
        Self::Publishing,
        Self::Published,
        Self::Assigned,
        Self::Revoked,
        Self::Draining,
    ];

    /// Its name in the variable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Decoded => "decoded",
            Self::Begun => "begun",
            Self::Deciding => "deciding",
            Self::RowsWritten => "rows_written",
            Self::Fenced => "fenced",
            Self::Committed => "committed",
            Self::Calling => "calling",
            Self::Called => "called",
            Self::Answered => "answered",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Draining => "draining",
        }
    }
}
