//! Reading a group's tables for people: a statement, one snapshot, rows.

pub(crate) use runtime::rows::query;
use runtime::{
    rows::Row,
    store::{Cell, Cells, Mode, Store, StoreError},
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

/// The columns of a table, for a statement of one's own.
pub(crate) fn columns<R: Row>() -> String {
    let names: Vec<&str> = R::TABLE.columns.iter().map(|column| column.name).collect();
    names.join(", ")
}
