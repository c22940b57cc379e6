//! Rows that are written and never read back by the batch that writes them.

use std::collections::BTreeSet;

use super::Row;
use crate::store::{StoreError, Transaction};

/// Rows that are only ever added: a ledger, a history. They are not loaded; a row whose key exists
/// is left as it is, so adding is idempotent.
#[derive(Debug)]
pub struct Appends<R: Row> {
    rows: Vec<R>,
    mark: usize,
}

impl<R: Row> Default for Appends<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            mark: 0,
        }
    }
}

impl<R: Row> Appends<R> {
    /// Adds a row.
    pub fn push(&mut self, row: R) {
        self.rows.push(row);
    }

    /// The rows added so far.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.iter()
    }

    #[doc(hidden)]
    pub fn mark(&mut self) {
        self.mark = self.rows.len();
    }

    #[doc(hidden)]
    pub fn undo(&mut self) {
        self.rows.truncate(self.mark);
    }

    #[doc(hidden)]
    pub async fn write(&mut self, transaction: &mut dyn Transaction) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut columns = R::TABLE.empty_columns();
        let mut seen = BTreeSet::new();
        for row in &self.rows {
            if seen.insert(row.key()) {
                row.push(&mut columns);
            }
        }
        transaction.enqueue(&R::TABLE.insert_new(), columns).await
    }
}
