//! `counterflow stock show`: what inventory has on hand, and of it what is reserved.

use clap::Args;
use inventory::Stock;
use runtime::{
    rows::Scan,
    store::{Mode, Store, Transaction},
};
use serde_json::json;

use crate::{exit::End, output};

const EXAMPLE: &str = "\
Example:
  counterflow stock show
  counterflow stock show 2341083 2341084 --json";

const PAGE_ROWS: u32 = 1_000;

/// Shows what inventory has on hand, what of it is reserved, and what is left to sell
///
/// With SKUs, exits 1 when one of them is not known.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// Only these SKUs; all without any
    skus: Vec<String>,
}

pub(super) async fn run(
    store: &dyn Store,
    asked: &Arguments,
    is_json: bool,
) -> anyhow::Result<End> {
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let mut found = stock(snapshot.as_mut(), &asked.skus).await?;
    snapshot.commit().await?;
    found.sort_by_key(|stock| (stock.sku.len(), stock.sku.clone()));
    let unknown = (asked.skus.iter()).any(|sku| found.iter().all(|stock| stock.sku != *sku));
    if is_json {
        let rows: Vec<_> = found.iter().map(as_json).collect();
        output::json(&rows)?;
    } else {
        let head = ["sku", "on hand", "reserved", "available", "movements"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(found.iter().map(as_row));
        output::text(&output::columns(&rows))?;
    }
    Ok(if unknown { End::No } else { End::Done })
}

/// Page by page, so that memory does not depend on how much there is that was not asked for.
async fn stock(snapshot: &mut dyn Transaction, skus: &[String]) -> anyhow::Result<Vec<Stock>> {
    let mut found = Vec::new();
    let mut scan = Scan::<Stock>::new(PAGE_ROWS);
    while let Some(page) = scan.next_page(snapshot).await? {
        let wanted = |stock: &Stock| skus.is_empty() || skus.contains(&stock.sku);
        found.extend(page.into_iter().filter(wanted));
    }
    Ok(found)
}

fn as_json(stock: &Stock) -> serde_json::Value {
    json!({
        "sku": stock.sku,
        "on_hand": stock.on_hand,
        "reserved": stock.reserved,
        "available": stock.on_hand - stock.reserved,
        "movements": stock.movements,
    })
}

fn as_row(stock: &Stock) -> Vec<String> {
    let available = stock.on_hand - stock.reserved;
    let numbers = [stock.on_hand, stock.reserved, available, stock.movements];
    let mut row = vec![stock.sku.clone()];
    row.extend(numbers.map(|number| number.to_string()));
    row
}
