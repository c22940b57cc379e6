//! How far an audit is.

use crate::{Group, parts::Parts};

/// How far the audit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being looked at.
    pub step: String,
    /// How many steps are done.
    pub done: u64,
    /// Of how many.
    pub of: u64,
}

/// Rows of a database between two reports.
const ROWS: u64 = 20_000;

/// Counts the steps, and tells of each as it begins.
pub(crate) struct Steps<'a> {
    told: &'a mut (dyn FnMut(Progress) + Send),
    done: u64,
    of: u64,
    /// How many steps a database is worth: together about as much as a third of the rest.
    of_database: u64,
}

impl<'a> Steps<'a> {
    /// A step for the topics and for every part of a shard, and two for the rest.
    pub(crate) fn new(parts: Parts, told: &'a mut (dyn FnMut(Progress) + Send)) -> Self {
        let of_shards = u64::from((parts.shards.max(0) * (parts.parts + 1)).unsigned_abs());
        let of_database = (of_shards / 15).max(1);
        Self {
            told,
            done: 0,
            of: of_shards + of_database * Group::ALL.len() as u64 + 2,
            of_database,
        }
    }

    /// Begins something.
    pub(crate) fn begin(&mut self, step: String) {
        let (done, of) = (self.done, self.of);
        (self.told)(Progress { step, done, of });
    }

    /// Ends it.
    pub(crate) fn end(&mut self) {
        self.done += 1;
    }

    /// Rows of a database were read.
    pub(crate) fn rows(&mut self, group: Group, before: &mut u64, rows: u64) {
        if rows / ROWS > *before / ROWS {
            self.begin(format!("database of {group}, {rows} rows"));
        }
        *before = rows;
    }

    /// A database was read.
    pub(crate) fn end_of_database(&mut self) {
        self.done += self.of_database;
    }
}
