//! A statement for all rows of its parameter columns, on the connection's thread: no copies of the
//! values, no hop per row.

use rusqlite::{Connection, Row, Statement, types::ValueRef};

use super::errors::classify;
use crate::store::{Cells, Kind, StoreError};

/// Executes a text once per row; returns the rows affected.
pub(super) fn execute(
    sqlite: &Connection,
    text: &str,
    parameters: &[Cells],
) -> Result<u64, StoreError> {
    let mut statement = prepare(sqlite, text, parameters)?;
    let mut affected = 0;
    for row in 0..runs(parameters) {
        bind(&mut statement, parameters, row)?;
        affected += statement.raw_execute().map_err(classify)? as u64;
    }
    Ok(affected)
}

/// Runs a query once per row; returns the results of all, one behind the other.
pub(super) fn query(
    sqlite: &Connection,
    text: &str,
    parameters: &[Cells],
    kinds: &[Kind],
) -> Result<Vec<Cells>, StoreError> {
    let mut statement = prepare(sqlite, text, parameters)?;
    if statement.column_count() != kinds.len() {
        return Err(StoreError::Fatal(format!(
            "a query returns {} columns instead of {}",
            statement.column_count(),
            kinds.len()
        )));
    }
    let mut columns: Vec<Cells> = kinds.iter().map(|kind| Cells::new(*kind)).collect();
    for row in 0..runs(parameters) {
        bind(&mut statement, parameters, row)?;
        let mut results = statement.raw_query();
        while let Some(result) = results.next().map_err(classify)? {
            read(result, &mut columns)?;
        }
    }
    Ok(columns)
}

fn runs(parameters: &[Cells]) -> usize {
    parameters.first().map_or(1, Cells::len)
}

fn prepare<'a>(
    sqlite: &'a Connection,
    text: &str,
    parameters: &[Cells],
) -> Result<rusqlite::CachedStatement<'a>, StoreError> {
    let statement = sqlite.prepare_cached(text).map_err(classify)?;
    if statement.parameter_count() == parameters.len() {
        return Ok(statement);
    }
    Err(StoreError::Fatal(format!(
        "a statement takes {} parameters instead of {}",
        statement.parameter_count(),
        parameters.len()
    )))
}

fn bind(statement: &mut Statement<'_>, columns: &[Cells], row: usize) -> Result<(), StoreError> {
    for (place, column) in (1_usize..).zip(columns) {
        match column {
            Cells::Text(values) => {
                let text = values[row].as_deref();
                if text.is_some_and(|text| text.contains('\0')) {
                    // SQLite would keep it and then cut it short in comparisons and functions;
                    // Postgres refuses it.
                    return Err(StoreError::Refused("text with a zero byte".into()));
                }
                statement.raw_bind_parameter(place, text)
            }
            Cells::Long(values) => statement.raw_bind_parameter(place, values[row]),
            Cells::Bytes(values) => statement.raw_bind_parameter(place, values[row].as_deref()),
            Cells::Bool(values) => statement.raw_bind_parameter(place, values[row]),
        }
        .map_err(classify)?;
    }
    Ok(())
}

fn read(result: &Row<'_>, columns: &mut [Cells]) -> Result<(), StoreError> {
    for (place, column) in columns.iter_mut().enumerate() {
        let value = result.get_ref(place).map_err(classify)?;
        match (column, value) {
            (Cells::Text(values), ValueRef::Text(text)) => {
                let text = std::str::from_utf8(text)
                    .map_err(|_| StoreError::Fatal(format!("column {place} is not UTF-8")))?;
                values.push(Some(text.to_owned()));
            }
            (Cells::Long(values), ValueRef::Integer(value)) => values.push(Some(value)),
            (Cells::Bytes(values), ValueRef::Blob(bytes)) => values.push(Some(bytes.to_owned())),
            (Cells::Bool(values), ValueRef::Integer(value @ (0 | 1))) => {
                values.push(Some(value == 1));
            }
            (column, ValueRef::Null) => column.push_null(),
            (column, value) => {
                return Err(StoreError::Fatal(format!(
                    "column {place} holds {} where {:?} is expected",
                    value.data_type(),
                    column.kind()
                )));
            }
        }
    }
    Ok(())
}
