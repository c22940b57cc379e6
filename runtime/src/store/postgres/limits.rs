//! How long each wait may last, and how many connections there may be.

use std::time::Duration;

/// The bounds of a [`super::PostgresStore`]. The defaults are for a deployment; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections of this process to this schema, and so transactions open at once.
    pub connections: usize,
    /// How long a transaction waits for one of them to be free.
    pub turn: Duration,
    /// How long making a connection may take, per address.
    pub connect: Duration,
    /// How long the server lets a statement wait for a lock (`lock_timeout`).
    pub lock: Duration,
    /// How long the server lets a statement run (`statement_timeout`).
    pub statement: Duration,
    /// How long this side waits for any answer; longer than [`Limits::statement`], so that it ends
    /// a wait only when the server itself hangs or the network swallows its answers.
    pub answer: Duration,
    /// How long the server keeps a transaction, and its locks, whose client says nothing
    /// (`idle_in_transaction_session_timeout`): the longest that a process which was stopped in the
    /// middle of a batch can hold up the new owner of its shards.
    pub idle_in_transaction: Duration,
    /// The same for a snapshot, which holds no locks and whose reader works between pages.
    pub idle_in_snapshot: Duration,
    /// How long one migration, and waiting for those of other processes, may take.
    pub migration: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8,
            turn: Duration::from_secs(30),
            connect: Duration::from_secs(5),
            lock: Duration::from_secs(5),
            statement: Duration::from_secs(15),
            answer: Duration::from_secs(20),
            idle_in_transaction: Duration::from_secs(10),
            idle_in_snapshot: Duration::from_secs(300),
            migration: Duration::from_secs(600),
        }
    }
}
