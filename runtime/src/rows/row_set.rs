//! The loaded rows of one table, what became of them, and how to take one event's changes back.

use std::collections::{BTreeMap, BTreeSet};

use super::{Row, take_all};
use crate::store::{Cell, Cells, StoreError, Transaction};

#[derive(Debug, Clone)]
struct Slot<R> {
    loaded: Option<R>,
    now: Option<R>,
}

/// The rows of one table that a batch has loaded. `decide` reads and changes them here; rows that
/// differ from what was loaded are written by [`RowSet::write`].
///
/// Only rows whose leading value was named in `touches` or `touches_after` are here: asking for another is a defect of
/// the group and panics, because its absence would be mistaken for "there is no such row".
#[derive(Debug)]
pub struct RowSet<R: Row> {
    slots: BTreeMap<R::Key, Slot<R>>,
    leads: BTreeSet<R::Lead>,
    before: Vec<(R::Key, Option<R>)>,
    shelf: BTreeMap<R::Lead, Vec<R>>,
    all: bool,
}

impl<R: Row> Default for RowSet<R> {
    fn default() -> Self {
        Self {
            slots: BTreeMap::new(),
            leads: BTreeSet::new(),
            before: Vec::new(),
            shelf: BTreeMap::new(),
            all: false,
        }
    }
}

impl<R: Row> RowSet<R> {
    /// The row of a key, when there is one.
    ///
    /// # Panics
    /// When no row of the key's leading value was named.
    pub fn get(&self, key: &R::Key) -> Option<&R> {
        self.require(R::lead_of(key));
        self.slots.get(key).and_then(|slot| slot.now.as_ref())
    }

    /// All rows, in key order.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.slots.values().filter_map(|slot| slot.now.as_ref())
    }

    /// The rows whose keys lie in a range, in key order: with `(lead, MIN)..=(lead, MAX)`, all rows
    /// of one leading value.
    pub fn range(&self, range: impl std::ops::RangeBounds<R::Key>) -> impl Iterator<Item = &R> {
        self.slots
            .range(range)
            .filter_map(|(_, slot)| slot.now.as_ref())
    }

    /// Puts a row, new or changed.
    pub fn put(&mut self, row: R) {
        self.require(&row.lead());
        self.set(row.key(), Some(row));
    }

    /// Removes a row; one that is not there is no error.
    pub fn remove(&mut self, key: &R::Key) {
        if self.get(key).is_some() {
            self.set(key.clone(), None);
        }
    }

    /// Makes rows of a leading value known without a database: what `load` does, for tests and
    /// simulations of a group's pure core.
    pub fn preload(&mut self, lead: R::Lead, rows: impl IntoIterator<Item = R>) {
        self.leads.insert(lead);
        for row in rows {
            self.insert_loaded(row);
        }
    }

    /// Puts all rows away and takes back those of the leading values, or all of them: what writing
    /// a batch and loading the next does, without a database.
    #[doc(hidden)]
    pub fn swap_in(&mut self, leads: Option<&BTreeSet<R::Lead>>) {
        for slot in std::mem::take(&mut self.slots).into_values() {
            if let Some(row) = slot.now {
                self.shelf.entry(row.lead()).or_default().push(row);
            }
        }
        self.before.clear();
        self.all = leads.is_none();
        self.leads = leads.map_or_else(|| self.shelf.keys().cloned().collect(), Clone::clone);
        for lead in self.leads.clone() {
            let rows = self.shelf.remove(&lead).unwrap_or_default();
            self.preload(lead, rows);
        }
    }

    fn insert_loaded(&mut self, row: R) {
        let key = row.key();
        let slot = Slot {
            loaded: Some(row.clone()),
            now: Some(row),
        };
        self.slots.insert(key, slot);
    }

    fn require(&self, lead: &R::Lead) {
        assert!(
            self.all || self.leads.contains(lead),
            "a row of {} was not named in touches or touches_after",
            R::TABLE.name
        );
    }

    fn set(&mut self, key: R::Key, row: Option<R>) {
        let slot = self.slots.entry(key.clone()).or_insert(Slot {
            loaded: None,
            now: None,
        });
        let previous = std::mem::replace(&mut slot.now, row);
        self.before.push((key, previous));
    }

    #[doc(hidden)]
    pub fn mark(&mut self) {
        self.before.clear();
    }

    #[doc(hidden)]
    pub fn undo(&mut self) {
        while let Some((key, previous)) = self.before.pop() {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.now = previous;
            }
        }
    }

    #[doc(hidden)]
    pub async fn load(
        &mut self,
        keys: &BTreeSet<R::Lead>,
        transaction: &mut dyn Transaction,
    ) -> Result<(), StoreError> {
        let mut leads = Cells::new(R::Lead::KIND);
        for key in keys.difference(&self.leads) {
            key.push(&mut leads);
        }
        if leads.is_empty() {
            return Ok(());
        }
        assert!(
            !R::TABLE.shared || self.leads.is_empty(),
            "rows of {} are shared between shards and must be locked in one step",
            R::TABLE.name
        );
        let kinds = R::TABLE.kinds();
        let mut columns = transaction
            .query(&R::TABLE.select(), vec![leads], &kinds)
            .await?;
        for row in take_all::<R>(&mut columns)? {
            self.insert_loaded(row);
        }
        self.leads.extend(keys.iter().cloned());
        Ok(())
    }

    #[doc(hidden)]
    pub async fn write(&mut self, transaction: &mut dyn Transaction) -> Result<(), StoreError> {
        let table = R::TABLE;
        let mut added = table.empty_columns();
        let mut changed = table.empty_columns();
        let mut removed = table.empty_columns();
        for slot in self.slots.values().filter(|slot| slot.loaded != slot.now) {
            match (&slot.loaded, &slot.now) {
                // Nobody else can add a row of this shard meanwhile; a shared one, anybody can.
                (None, Some(row)) if table.shared => row.push(&mut added),
                (_, Some(row)) => row.push(&mut changed),
                (Some(row), None) => row.push(&mut removed),
                (None, None) => {}
            }
        }
        if !added[0].is_empty() {
            let expected = added[0].len() as u64;
            if transaction.execute(&table.insert_new(), added).await? != expected {
                return Err(StoreError::Transient(format!(
                    "a row of {} was added by another shard meanwhile",
                    table.name
                )));
            }
        }
        if !changed[0].is_empty() {
            transaction.enqueue(&table.upsert(), changed).await?;
        }
        if !removed[0].is_empty() {
            removed.truncate(table.key_columns);
            transaction.enqueue(&table.delete(), removed).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Appends;

    crate::table! {
        /// Stock of a SKU in a warehouse.
        #[expect(unreachable_pub, reason = "groups declare their rows for other crates")]
        pub struct Stock in "stock" {
            key {
                /// The SKU.
                sku: String,
                /// The warehouse.
                warehouse: i64,
            }
            /// Units.
            on_hand: i64,
        }
    }

    fn stock(sku: &str, warehouse: i64, on_hand: i64) -> Stock {
        Stock {
            sku: sku.to_owned(),
            warehouse,
            on_hand,
        }
    }

    fn loaded() -> RowSet<Stock> {
        let mut rows = RowSet::default();
        rows.preload("a".to_owned(), [stock("a", 1, 10), stock("a", 2, 20)]);
        rows.preload("b".to_owned(), []);
        rows
    }

    /// What `write` would send: the rows that differ, as `(key, units now)`.
    fn dirty(rows: &RowSet<Stock>) -> Vec<(String, i64, Option<i64>)> {
        let differ = rows
            .slots
            .iter()
            .filter(|(_, slot)| slot.loaded != slot.now);
        differ
            .map(|((sku, warehouse), slot)| {
                let on_hand = slot.now.as_ref().map(|row| row.on_hand);
                (sku.clone(), *warehouse, on_hand)
            })
            .collect()
    }

    #[test]
    fn only_rows_that_differ_from_what_was_loaded_are_written() {
        let mut rows = loaded();
        rows.put(stock("a", 1, 10));
        assert_eq!(dirty(&rows), []);
        rows.put(stock("a", 2, 21));
        rows.put(stock("b", 1, 1));
        let expected = [("a".into(), 2, Some(21)), ("b".into(), 1, Some(1))];
        assert_eq!(dirty(&rows), expected);
        rows.put(stock("a", 2, 20));
        rows.remove(&("b".to_owned(), 1));
        assert_eq!(dirty(&rows), []);
    }

    #[test]
    fn a_removed_row_is_gone_and_can_come_back() {
        let mut rows = loaded();
        let key = ("a".to_owned(), 1);
        rows.remove(&key);
        assert_eq!(rows.get(&key), None);
        assert_eq!(rows.iter().count(), 1);
        assert_eq!(dirty(&rows), [("a".into(), 1, None)]);
        rows.put(stock("a", 1, 5));
        assert_eq!(dirty(&rows), [("a".into(), 1, Some(5))]);
    }

    #[test]
    fn undo_takes_back_all_changes_of_one_event_and_no_others() {
        let mut rows = loaded();
        rows.mark();
        rows.put(stock("a", 1, 11));
        rows.mark();
        rows.put(stock("a", 1, 12));
        rows.put(stock("a", 1, 13));
        rows.remove(&("a".to_owned(), 1));
        rows.put(stock("a", 1, 14));
        rows.put(stock("b", 1, 1));
        rows.remove(&("a".to_owned(), 2));
        rows.undo();
        let left: Vec<Stock> = rows.iter().cloned().collect();
        assert_eq!(left, [stock("a", 1, 11), stock("a", 2, 20)]);
        assert_eq!(dirty(&rows), [("a".into(), 1, Some(11))]);
        rows.undo();
        assert_eq!(dirty(&rows), [("a".into(), 1, Some(11))]);
    }

    #[test]
    fn rows_of_one_leading_value_are_a_range() {
        let mut rows = loaded();
        rows.put(stock("b", 1, 1));
        let range = ("a".to_owned(), i64::MIN)..=("a".to_owned(), i64::MAX);
        assert_eq!(rows.range(range).count(), 2);
    }

    #[test]
    fn undo_takes_back_only_what_was_appended_since_the_mark() {
        let mut log = Appends::default();
        log.push(stock("a", 1, 1));
        log.mark();
        log.push(stock("a", 2, 2));
        log.push(stock("a", 3, 3));
        log.undo();
        assert_eq!(log.iter().count(), 1);
    }
}
