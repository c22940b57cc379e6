//! Why a record was not read, named by what the caller does next.
//!
//! Separate from the runtime's own refusals because this crate does not know the runtime; the
//! codec maps one to the other. The reasons of [`Refused::Poison`] are a bounded set of words.

/// A record that was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It can never be read: set it aside and go on.
    #[error("{reason}: {detail}")]
    Poison {
        /// One of a bounded set of words (`truncated`, `unknown_schema`, `total_mismatch`, ...).
        reason: &'static str,
        /// For a person: names fields and expected forms, never personal contents.
        detail: String,
        /// Whether the bytes were readable and their values were refused.
        in_values: bool,
    },
    /// It would be misunderstood by this reader: park it until the reader is upgraded.
    #[error("needs reader version {0}")]
    NeedsReader(u32),
    /// The registry that knows its schema does not answer: wait and read it again.
    #[error("the schema registry is away: {0}")]
    RegistryAway(String),
}

impl Refused {
    /// The bytes cannot be read.
    pub(crate) fn bytes(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason,
            detail: detail.into(),
            in_values: false,
        }
    }

    /// The bytes can be read, and acting on the values would be wrong.
    pub(crate) fn values(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Poison {
            reason,
            detail: detail.into(),
            in_values: true,
        }
    }
}
