//! Questions as text for both databases, and their answers as columns.

use runtime::store::{Cells, Kind, Statement, StoreError, Transaction};

use crate::sketch::{self, Sketch};

/// Selects the windows of a range: parameters are the size of the windows and the range's bounds.
pub(super) const RANGE: &str =
    "WHERE size_micros = @1 AND window_start >= @2 AND window_start < @3";

/// A sum of integers, which Postgres makes a decimal: an overflow is an error there.
pub(super) fn sum(column: &str) -> String {
    format!("CAST(SUM({column}) AS BIGINT)")
}

/// The same text for both databases: `@n` stands for the one integer of parameter column n, `#n`
/// for its one text.
pub(super) fn statement(text: &str) -> Statement {
    let (mut postgres, mut sqlite) = (text.to_owned(), text.to_owned());
    for place in 1..=5 {
        let marks = [
            (format!("@{place}"), "bigint"),
            (format!("#{place}"), "text"),
        ];
        for (mark, array) in marks {
            postgres = postgres.replace(&mark, &format!("(${place}::{array}[])[1]"));
            sqlite = sqlite.replace(&mark, &format!("?{place}"));
        }
    }
    Statement::new(postgres, sqlite)
}

/// Parameter columns of one integer each.
pub(super) fn longs(values: &[i64]) -> Vec<Cells> {
    values.iter().map(|value| Cells::longs([*value])).collect()
}

/// The columns of a query.
pub(super) struct Answer(Vec<Cells>);

/// Asks.
pub(super) async fn table(
    transaction: &mut dyn Transaction,
    statement: &Statement,
    parameters: Vec<Cells>,
    kinds: &[Kind],
) -> Result<Answer, StoreError> {
    Ok(Answer(
        transaction.query(statement, parameters, kinds).await?,
    ))
}

impl Answer {
    pub(super) fn rows(&self) -> usize {
        self.0.first().map_or(0, Cells::len)
    }

    pub(super) fn long(&self, column: usize, row: usize) -> Result<i64, StoreError> {
        match &self.0[column] {
            Cells::Long(values) => values[row].ok_or_else(|| misfit(column)),
            _ => Err(misfit(column)),
        }
    }

    pub(super) fn text(&self, column: usize, row: usize) -> Result<String, StoreError> {
        match &self.0[column] {
            Cells::Text(values) => values[row].clone().ok_or_else(|| misfit(column)),
            _ => Err(misfit(column)),
        }
    }

    pub(super) fn sketch(&self, column: usize, row: usize) -> Result<Sketch, StoreError> {
        let registers = match &self.0[column] {
            Cells::Bytes(values) => values[row].clone(),
            _ => None,
        };
        (registers.and_then(Sketch::from_bytes)).ok_or_else(|| {
            let expected = sketch::REGISTERS;
            StoreError::Fatal(format!(
                "a sketch of customers has not {expected} registers"
            ))
        })
    }
}

fn misfit(column: usize) -> StoreError {
    StoreError::Fatal(format!("column {column} of a sum does not fit"))
}
