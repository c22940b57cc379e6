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

    /// Reads one page of the whole table in key order. Parameters: when `after` a key, that key, a
    /// column per key column; then the number of rows at most. Each is a column of one row.
    ///
    /// Pages follow each other by key, not by count, so every page costs the same.
    #[must_use]
    pub fn page(&self, after: bool) -> Statement {
        let key = &self.columns[..self.key_columns];
        let skipped = if after { key } else { &[] };
        let (name, columns, order) = (self.name, self.names(self.columns), self.names(key));
        let limit = skipped.len() + 1;
        let text = |single: &dyn Fn(usize, Kind) -> String| {
            let beyond: Vec<String> = (1..)
                .zip(skipped)
                .map(|(place, column)| single(place, column.kind))
                .collect();
            let condition = if after {
                format!("WHERE ({order}) > ({}) ", beyond.join(", "))
            } else {
                String::new()
            };
            let limit = single(limit, Kind::Long);
            format!("SELECT {columns} FROM {name} {condition}ORDER BY {order} LIMIT {limit}")
        };
        Statement::new(
            text(&|place, kind| format!("(${place}::{})[1]", array_type(kind))),
            text(&|place, _| format!("?{place}")),
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

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table {
        name: "lines",
        columns: &[
            Column {
                name: "purchase_id",
                kind: Kind::Text,
            },
            Column {
                name: "line_no",
                kind: Kind::Long,
            },
            Column {
                name: "gift",
                kind: Kind::Bool,
            },
        ],
        key_columns: 2,
        shared: false,
    };

    #[test]
    fn rows_are_loaded_by_the_leading_column_in_key_order() {
        let select = TABLE.select();
        assert_eq!(
            &*select.postgres,
            "SELECT purchase_id, line_no, gift FROM lines \
             WHERE purchase_id = ANY($1::text[]) ORDER BY purchase_id, line_no"
        );
        assert_eq!(
            &*select.sqlite,
            "SELECT purchase_id, line_no, gift FROM lines \
             WHERE purchase_id = ?1 ORDER BY purchase_id, line_no"
        );
    }

    #[test]
    fn shared_rows_are_locked_in_key_order() {
        let shared = Table {
            shared: true,
            ..TABLE
        };
        let text = shared.select().postgres;
        assert!(text.ends_with("ORDER BY purchase_id, line_no FOR UPDATE"));
    }

    #[test]
    fn an_upsert_replaces_all_but_the_key() {
        assert_eq!(
            &*TABLE.upsert().postgres,
            "INSERT INTO lines (purchase_id, line_no, gift) \
             SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::boolean[]) \
             ON CONFLICT (purchase_id, line_no) DO UPDATE SET gift = excluded.gift"
        );
    }

    #[test]
    fn the_next_page_begins_behind_the_last_key() {
        assert_eq!(
            &*TABLE.page(true).postgres,
            "SELECT purchase_id, line_no, gift FROM lines \
             WHERE (purchase_id, line_no) > (($1::text[])[1], ($2::bigint[])[1]) \
             ORDER BY purchase_id, line_no LIMIT ($3::bigint[])[1]"
        );
        assert_eq!(
            &*TABLE.page(false).sqlite,
            "SELECT purchase_id, line_no, gift FROM lines ORDER BY purchase_id, line_no LIMIT ?1"
        );
    }
}
