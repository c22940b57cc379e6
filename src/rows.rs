//! Reading a group's tables for people: a statement, one snapshot, rows.

use runtime::{
    rows::Row,
    store::{Cell, Cells, Mode, Statement, Store, StoreError, Transaction},
};

/// The rows whose first key column is `lead`.
pub(crate) async fn of_lead<R: Row>(
    store: &dyn Store,
    lead: &R::Lead,
) -> Result<Vec<R>, StoreError> {
    let mut column = Cells::new(<R::Lead as Cell>::KIND);
    lead.push(&mut column);
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let rows = query(snapshot.as_mut(), &R::TABLE.select(), vec![column]).await?;
    snapshot.commit().await?;
    Ok(rows)
}

/// The rows of a query that returns the columns of a table.
pub(crate) async fn query<R: Row>(
    transaction: &mut dyn Transaction,
    statement: &Statement,
    parameters: Vec<Cells>,
) -> Result<Vec<R>, StoreError> {
    let kinds = R::TABLE.kinds();
    let mut columns = transaction.query(statement, parameters, &kinds).await?;
    let count = columns.first().map_or(0, Cells::len);
    (0..count)
        .map(|row| {
            R::take(&mut columns, row).map_err(|column| {
                StoreError::Fatal(format!("column {column} of {} does not fit", R::TABLE.name))
            })
        })
        .collect()
}

/// The columns of a table, for a statement of one's own.
pub(crate) fn columns<R: Row>() -> String {
    let names: Vec<&str> = R::TABLE.columns.iter().map(|column| column.name).collect();
    names.join(", ")
}
