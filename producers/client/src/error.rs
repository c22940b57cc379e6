//! Why a record was not published, named by what the caller does next.

use crate::spool::SpoolOpenError;

/// A record that is neither confirmed by Kafka nor in the spool.
///
/// Publishing the same record again later is always safe: its event id stays the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No broker will ever take it: the caller answers "too large" and does not try again.
    #[error("the record is {bytes} bytes long and {bytes_max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Kafka does not answer and the spool has no room: the caller sheds load.
    #[error("no room to keep the record: {0}")]
    Full(String),
    /// Kafka has not confirmed it in time, and it could not be spooled; it may still arrive. The
    /// caller reports it as unknown and tries again later.
    #[error("the record is not confirmed: {0}")]
    Unconfirmed(String),
    /// The publisher is shutting down.
    #[error("the publisher is closed")]
    Closed,
}

/// Why a publisher cannot start. Each of these needs a person.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Keys that the promise depends on were set, or librdkafka does not know a key or a value.
    #[error("the Kafka settings cannot be used: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The spool folder cannot be used.
    #[error("the spool cannot be opened")]
    Spool(#[source] SpoolOpenError),
    /// A metric of the same name is registered already.
    #[error("the metrics cannot be registered")]
    Metrics(#[source] prometheus::Error),
    /// The system gives no more threads.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}
