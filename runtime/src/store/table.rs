//! A table, described once; the statements of both databases are derived from the description.

use super::{Cells, Kind, Statement};

/// One column of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the database.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table of a group. The first `key_columns` columns are its primary key, and rows are loaded by
/// the first column alone, so it must be what an event names (a purchase id, a SKU).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name, without a schema: the connection's search path supplies that.
    pub name: &'static str,
    /// All columns, the primary key first.
    pub columns: &'static [Column],
    /// How many leading columns make the primary key.
    pub key_columns: usize,
    /// Whether rows are shared between shards, and so are locked, in key order, when loaded.
    pub shared: bool,
}

impl Table {
    /// Empty columns, ready to be filled with rows.
    #[must_use]
    pub fn empty_columns(&self) -> Vec<Cells> {
        self.columns
            .iter()
            .map(|column| Cells::new(column.kind))
            .collect()
    }

    /// The kinds of all columns, in order.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|column| column.kind).collect()
    }

    /// Loads all rows whose first column is among the values of the one parameter column.
    #[must_use]
    pub fn select(&self) -> Statement {
        let columns = self.names(self.columns);
        let lead = self.columns[0];
        let order = self.names(&self.columns[..self.key_columns]);
        let lock = if self.shared { " FOR UPDATE" } else { "" };
        let (name, lead_name, array) = (self.name, lead.name, array_type(lead.kind));
        Statement::new(
            format!(
                "SELECT {columns} FROM {name} WHERE {lead_name} = ANY($1::{array}) \
                 ORDER BY {order}{lock}"
            ),
            format!("SELECT {columns} FROM {name} WHERE {lead_name} = ?1 ORDER BY {order}"),
        )
    }

    /// Writes rows; a row whose key exists is replaced.
    #[must_use]
    pub fn upsert(&self) -> Statement {
        let sets: Vec<String> = self.columns[self.key_columns..]
            .iter()
            .map(|column| format!("{0} = excluded.{0}", column.name))
            .collect();
        if sets.is_empty() {
            return self.insert_new();
        }
        self.insert(&format!("DO UPDATE SET {}", sets.join(", ")))
    }

    /// Writes rows; a row whose key exists is left as it is.
    #[must_use]
    pub fn insert_new(&self) -> Statement {
        self.insert("DO NOTHING")
    }

    /// Deletes the rows whose keys are given, a parameter column per key column.
    #[must_use]
    pub fn delete(&self) -> Statement {
        let key = &self.columns[..self.key_columns];
        let names = self.names(key);
        let equal: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(index, column)| format!("{} = ?{}", column.name, index + 1))
            .collect();
        Statement::new(
            format!(
                "DELETE FROM {} WHERE ({names}) IN (SELECT * FROM UNNEST({}))",
                self.name,
                unnest_parameters(key)
            ),
            format!("DELETE FROM {} WHERE {}", self.name, equal.join(" AND ")),
        )
    }

    fn insert(&self, on_conflict: &str) -> Statement {
        let (name, columns) = (self.name, self.names(self.columns));
        let key = self.names(&self.columns[..self.key_columns]);
        let marks: Vec<String> = (1..=self.columns.len()).map(|n| format!("?{n}")).collect();
        Statement::new(
            format!(
                "INSERT INTO {name} ({columns}) SELECT * FROM UNNEST({}) \
                 ON CONFLICT ({key}) {on_conflict}",
                unnest_parameters(self.columns)
            ),
            format!(
                "INSERT INTO {name} ({columns}) VALUES ({}) ON CONFLICT ({key}) {on_conflict}",
                marks.join(", ")
            ),
        )
    }

    fn names(&self, columns: &[Column]) -> String {
        columns
            .iter()
            .map(|column| column.name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn unnest_parameters(columns: &[Column]) -> String {
    let parameters: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("${}::{}", index + 1, array_type(column.kind)))
        .collect();
    parameters.join(", ")
}

fn array_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text[]",
        Kind::Long => "bigint[]",
        Kind::Bytes => "bytea[]",
        Kind::Bool => "boolean[]",
    }
}
