//! The rows that a batch touches: loaded together, changed in memory, written together.
//!
//! A group declares its row types with [`crate::table!`] and the set of them with
//! [`crate::row_sets!`]. `decide` sees plain structs; which of them changed is found out here.

mod appends;
mod row_set;
mod scan;
mod seen;
mod words;

pub use appends::Appends;
pub use row_set::RowSet;
pub use scan::Scan;
pub use seen::Seen;

use crate::store::{BoxFuture, Cells, Statement, StoreError, Table, Transaction};

/// A struct that is one row of a table. Implemented by [`crate::table!`].
pub trait Row: Clone + PartialEq + Send + Sync + 'static {
    /// The table.
    const TABLE: Table;
    /// The primary key, as a tuple of the key columns; the first is [`Row::Lead`].
    type Key: Ord + Clone + Send + Sync;
    /// The type of the first column, by which rows are loaded.
    type Lead: crate::store::Cell + Ord + Clone + Send + Sync;
    /// This row's primary key.
    fn key(&self) -> Self::Key;
    /// This row's first column.
    fn lead(&self) -> Self::Lead;
    /// The first column of a key.
    fn lead_of(key: &Self::Key) -> &Self::Lead;
    /// Appends the row to columns as made by [`Table::empty_columns`].
    fn push(&self, columns: &mut [Cells]);
    /// Takes row `row` out of columns as they were queried; names the column that does not fit.
    fn take(columns: &mut [Cells], row: usize) -> Result<Self, &'static str>;
}

/// Takes all rows out of the columns of a query.
pub(crate) fn take_all<R: Row>(columns: &mut [Cells]) -> Result<Vec<R>, StoreError> {
    let rows = columns.first().map_or(0, Cells::len);
    (0..rows)
        .map(|row| R::take(columns, row))
        .collect::<Result<_, _>>()
        .map_err(|column| {
            let table = R::TABLE.name;
            StoreError::Fatal(format!("column {column} of {table} does not fit"))
        })
}

/// Runs a query that returns all columns of a table, in their order; gives its rows.
///
/// # Errors
/// As [`Transaction::query`], and [`StoreError::Fatal`] for a value that does not fit its column.
pub async fn query<R: Row>(
    transaction: &mut dyn Transaction,
    statement: &Statement,
    parameters: Vec<Cells>,
) -> Result<Vec<R>, StoreError> {
    let kinds = R::TABLE.kinds();
    take_all(&mut transaction.query(statement, parameters, &kinds).await?)
}

/// All rows that a batch touches. Implemented by [`crate::row_sets!`].
pub trait Rows: Default + Send {
    /// What to load: filled by `Group::touches` and then by `Group::touches_after`, one set of
    /// leading values per table.
    type Keys: Default + Send;
    /// The tables, for documentation and checks.
    const TABLES: &'static [Table];
    /// Loads the rows of the keys that are not loaded yet, one statement per table that has any.
    fn load<'a>(
        &'a mut self,
        keys: &'a Self::Keys,
        transaction: &'a mut dyn Transaction,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// Writes the rows that changed: a statement per table for those that are new or differ, one for
    /// those removed, and in shared tables one more for those that are new. Whoever changed a shared
    /// row since it was found missing makes this [`StoreError::Transient`].
    fn write<'a>(
        &'a mut self,
        transaction: &'a mut dyn Transaction,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// Marks the state to which [`Rows::undo`] returns: called before every event.
    fn mark(&mut self);
    /// Takes back all changes since the last mark: called when an event was refused.
    fn undo(&mut self);
    /// Puts all rows away and takes back those of the keys, or all of them: for running a group
    /// without a database (see [`crate::in_memory`]).
    fn swap_in(&mut self, keys: Option<&Self::Keys>);
}

/// Declares a row struct together with its table.
///
/// ```
/// runtime::table! {
///     /// A payment of one purchase.
///     pub struct Payment in "payments" {
///         key {
///             /// The purchase.
///             purchase_id: String,
///         }
///         /// In minor units.
///         amount_minor: i64,
///         /// The provider's reference, once there is one.
///         intent_id: Option<String>,
///     }
/// }
/// ```
///
/// `in shared "stock"` declares a table whose rows are shared between shards and therefore locked,
/// in key order, when they are loaded. The key may have several columns; rows are loaded by the first.
#[macro_export]
macro_rules! table {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $table:literal { $($body:tt)* }
    ) => { $crate::table!(@one $(#[$meta])* $name false $table { $($body)* }); };
    (
        $(#[$meta:meta])*
        pub struct $name:ident in shared $table:literal { $($body:tt)* }
    ) => { $crate::table!(@one $(#[$meta])* $name true $table { $($body)* }); };
    (@one $(#[$meta:meta])* $name:ident $shared:literal $table:literal {
        key {
            $(#[$lead_meta:meta])* $lead:ident : $lead_type:ty,
            $( $(#[$key_meta:meta])* $key:ident : $key_type:ty, )*
        }
        $( $(#[$field_meta:meta])* $field:ident : $field_type:ty, )*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(#[$lead_meta])* pub $lead: $lead_type,
            $( $(#[$key_meta])* pub $key: $key_type, )*
            $( $(#[$field_meta])* pub $field: $field_type, )*
        }
        impl $crate::rows::Row for $name {
            const TABLE: $crate::store::Table = $crate::store::Table {
                name: $table,
                columns: &[
                    $crate::store::Column {
                        name: stringify!($lead),
                        kind: <$lead_type as $crate::store::Cell>::KIND,
                    },
                    $( $crate::store::Column {
                        name: stringify!($key),
                        kind: <$key_type as $crate::store::Cell>::KIND,
                    }, )*
                    $( $crate::store::Column {
                        name: stringify!($field),
                        kind: <$field_type as $crate::store::Cell>::KIND,
                    }, )*
                ],
                key_columns: 1 $( + { let _ = stringify!($key); 1 } )*,
                shared: $shared,
            };
            type Key = ($lead_type, $($key_type,)*);
            type Lead = $lead_type;
            fn key(&self) -> Self::Key {
                (self.$lead.clone(), $(self.$key.clone(),)*)
            }
            fn lead(&self) -> Self::Lead {
                self.$lead.clone()
            }
            fn lead_of(key: &Self::Key) -> &Self::Lead {
                &key.0
            }
            fn push(&self, columns: &mut [$crate::store::Cells]) {
                let mut columns = columns.iter_mut();
                let mut next = || columns.next().expect("a column per field");
                $crate::store::Cell::push(&self.$lead, next());
                $( $crate::store::Cell::push(&self.$key, next()); )*
                $( $crate::store::Cell::push(&self.$field, next()); )*
            }
            fn take(
                columns: &mut [$crate::store::Cells],
                row: usize,
            ) -> Result<Self, &'static str> {
                let mut columns = columns.iter_mut();
                let mut next = || columns.next().expect("a column per field");
                Ok(Self {
                    $lead: $crate::store::Cell::take(next(), row).ok_or(stringify!($lead))?,
                    $( $key: $crate::store::Cell::take(next(), row).ok_or(stringify!($key))?, )*
                    $( $field: $crate::store::Cell::take(next(), row).ok_or(stringify!($field))?, )*
                })
            }
        }
    };
}

/// Declares the set of all rows of a group: a struct of [`RowSet`]s and [`Appends`], and the struct
/// of keys to load them by.
///
/// ```
/// # runtime::table! { pub struct Payment in "payments" {
/// #     key { purchase_id: String, } amount_minor: i64,
/// # } }
/// # runtime::table! { pub struct Posting in "postings" {
/// #     key { posting_id: String, } amount_minor: i64,
/// # } }
/// runtime::row_sets! {
///     /// Everything payment keeps.
///     pub struct PaymentRows, keys PaymentKeys {
///         load payments: Payment,
///         append postings: Posting,
///     }
/// }
/// ```
#[macro_export]
macro_rules! row_sets {
    (
        $(#[$meta:meta])*
        pub struct $name:ident, keys $keys:ident {
            $( load $set:ident : $row:ty, )*
            $( append $log:ident : $log_row:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub struct $name {
            $( #[doc = concat!("Rows of `", stringify!($row), "`.")]
               pub $set: $crate::rows::RowSet<$row>, )*
            $( #[doc = concat!("New rows of `", stringify!($log_row), "`.")]
               pub $log: $crate::rows::Appends<$log_row>, )*
        }
        #[doc = concat!("What to load into [`", stringify!($name), "`].")]
        #[derive(Debug, Default)]
        pub struct $keys {
            $( #[doc = concat!("Leading values of `", stringify!($row), "`.")]
               pub $set: std::collections::BTreeSet<<$row as $crate::rows::Row>::Lead>, )*
        }
        impl $crate::rows::Rows for $name {
            type Keys = $keys;
            const TABLES: &'static [$crate::store::Table] = &[
                $( <$row as $crate::rows::Row>::TABLE, )*
                $( <$log_row as $crate::rows::Row>::TABLE, )*
            ];
            fn load<'a>(
                &'a mut self,
                keys: &'a $keys,
                transaction: &'a mut dyn $crate::store::Transaction,
            ) -> $crate::store::BoxFuture<'a, Result<(), $crate::store::StoreError>> {
                Box::pin(async move {
                    $( self.$set.load(&keys.$set, transaction).await?; )*
                    Ok(())
                })
            }
            fn write<'a>(
                &'a mut self,
                transaction: &'a mut dyn $crate::store::Transaction,
            ) -> $crate::store::BoxFuture<'a, Result<(), $crate::store::StoreError>> {
                Box::pin(async move {
                    $( self.$set.write(transaction).await?; )*
                    $( self.$log.write(transaction).await?; )*
                    Ok(())
                })
            }
            fn mark(&mut self) {
                $( self.$set.mark(); )*
                $( self.$log.mark(); )*
            }
            fn undo(&mut self) {
                $( self.$set.undo(); )*
                $( self.$log.undo(); )*
            }
            #[allow(unused_variables, reason = "a group may have no table that is loaded")]
            fn swap_in(&mut self, keys: Option<&$keys>) {
                $( self.$set.swap_in(keys.map(|keys| &keys.$set)); )*
            }
        }
    };
}
