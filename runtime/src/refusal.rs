//! Why an event is not applied, named by what happens next.

/// A record, answer or timer that is not applied now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can never be applied: it is set aside as a dead letter, and the records behind it go on.
    #[error("{reason}: {detail}")]
    Poison {
        /// A bounded set of words (`truncated`, `unknown_schema`, `conflicting_duplicate`, ...):
        /// the label of the metric and the reason in the dead letter.
        reason: &'static str,
        /// What a person needs to know; names fields and expected forms, never their personal
        /// contents.
        detail: String,
        /// Where it was found out.
        stage: Stage,
    },
    /// It needs a newer reader than this build: it waits, and the later records of its key behind it.
    #[error("needs reader version {min_reader}")]
    Parked {
        /// The lowest reader version that understands it.
        min_reader: u32,
    },
    /// Something that is needed to read it is away (the registry): the shard waits in place.
    #[error("waiting for {dependency}: {detail}")]
    Wait {
        /// What it waits for; a bounded set of words.
        dependency: &'static str,
        /// What was tried and what came back.
        detail: String,
    },
}

/// The step at which a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the bytes.
    Decode,
    /// Checking the values.
    Validate,
    /// Deciding what follows.
    Decide,
    /// Writing the rows.
    Store,
}

impl Stage {
    /// The word used in dead letters and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Validate => "validate",
            Self::Decide => "decide",
            Self::Store => "store",
        }
    }
}

impl Refusal {
    /// A refusal while reading bytes.
    pub fn decode(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason,
            detail: detail.into(),
            stage: Stage::Decode,
        }
    }
    /// A refusal of values.
    pub fn validate(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason,
            detail: detail.into(),
            stage: Stage::Validate,
        }
    }
    /// A refusal while deciding.
    pub fn decide(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason,
            detail: detail.into(),
            stage: Stage::Decide,
        }
    }
}
