//! Reading a whole table in bounded memory.

use super::{Row, take_all};
use crate::store::{Cells, StoreError, Transaction};

/// Reads all rows of a table in key order, page by page. Given one snapshot transaction throughout,
/// it sees one state of the table, however long the reading takes.
///
/// The order is that of the database's own comparison: bytes in SQLite, and in Postgres the
/// collation of the key column, which is bytes only where the column says `COLLATE "C"`.
#[derive(Debug)]
pub struct Scan<R: Row> {
    page_rows: i64,
    last: Option<R>,
    done: bool,
}

impl<R: Row> Scan<R> {
    /// A scan from the first row; `page_rows`, at least 1, bounds what is held at a time.
    #[must_use]
    pub fn new(page_rows: u32) -> Self {
        Self {
            page_rows: i64::from(page_rows.max(1)),
            last: None,
            done: false,
        }
    }

    /// The next rows, at least one; none at the end. After an error the same page can be asked for
    /// again.
    ///
    /// # Errors
    /// As of [`Transaction::query`].
    pub async fn next_page(
        &mut self,
        transaction: &mut dyn Transaction,
    ) -> Result<Option<Vec<R>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let mut parameters = Vec::new();
        if let Some(last) = &self.last {
            parameters = R::TABLE.empty_columns();
            last.push(&mut parameters);
            parameters.truncate(R::TABLE.key_columns);
        }
        parameters.push(Cells::longs([self.page_rows]));
        let page = R::TABLE.page(self.last.is_some());
        let mut columns = transaction
            .query(&page, parameters, &R::TABLE.kinds())
            .await?;
        let rows: Vec<R> = take_all(&mut columns)?;
        self.done = (rows.len() as i64) < self.page_rows;
        self.last = rows.last().cloned().or(self.last.take());
        Ok((!rows.is_empty()).then_some(rows))
    }
}
