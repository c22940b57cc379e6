//! Columns as Postgres arrays, and result rows as columns.

use tokio_postgres::{
    Column, Error, Row,
    types::{ToSql, Type},
};

use crate::store::{Cells, Kind, StoreError};

/// A column as an array parameter, encoded from where it lies.
pub(super) fn array(column: &Cells) -> &(dyn ToSql + Sync) {
    match column {
        Cells::Text(values) => values,
        Cells::Long(values) => values,
        Cells::Bytes(values) => values,
        Cells::Bool(values) => values,
    }
}

pub(super) fn array_type(column: &Cells) -> Type {
    match column {
        Cells::Text(_) => Type::TEXT_ARRAY,
        Cells::Long(_) => Type::INT8_ARRAY,
        Cells::Bytes(_) => Type::BYTEA_ARRAY,
        Cells::Bool(_) => Type::BOOL_ARRAY,
    }
}

/// Checks the columns of a query before it is run.
pub(super) fn require(columns: &[Column], kinds: &[Kind]) -> Result<(), StoreError> {
    if columns.len() != kinds.len() {
        return Err(StoreError::Fatal(format!(
            "a query returns {} columns instead of {}",
            columns.len(),
            kinds.len()
        )));
    }
    for (column, kind) in columns.iter().zip(kinds) {
        if kind_of(column.type_()) != Some(*kind) {
            return Err(StoreError::Fatal(format!(
                "column {} is {} where {kind:?} is expected",
                column.name(),
                column.type_()
            )));
        }
    }
    Ok(())
}

/// Sums of integers are `numeric` in Postgres: a query casts them, so that an overflow is an error
/// there and not a rounding here.
fn kind_of(column: &Type) -> Option<Kind> {
    match *column {
        Type::TEXT | Type::VARCHAR => Some(Kind::Text),
        Type::INT8 | Type::INT4 | Type::INT2 => Some(Kind::Long),
        Type::BYTEA => Some(Kind::Bytes),
        Type::BOOL => Some(Kind::Bool),
        _ => None,
    }
}

/// Appends a row to columns of the kinds that [`require`] has checked.
pub(super) fn read(row: &Row, columns: &mut [Cells]) -> Result<(), Error> {
    for (place, column) in columns.iter_mut().enumerate() {
        match column {
            Cells::Text(values) => values.push(row.try_get(place)?),
            Cells::Long(values) => values.push(match *row.columns()[place].type_() {
                Type::INT2 => row.try_get::<_, Option<i16>>(place)?.map(i64::from),
                Type::INT4 => row.try_get::<_, Option<i32>>(place)?.map(i64::from),
                _ => row.try_get(place)?,
            }),
            Cells::Bytes(values) => values.push(row.try_get(place)?),
            Cells::Bool(values) => values.push(row.try_get(place)?),
        }
    }
    Ok(())
}
