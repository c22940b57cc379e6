//! Adds to the rows of windows, making them where there are none.
//!
//! Sums are exact: one that would not fit refuses its event, and what the event had added until
//! then is taken back.

use runtime::Refusal;

use crate::{
    basket::BasketItem,
    rows::{AnalyticsRows, CustomersRow, ItemRow, PairRow, RevenueRow, WindowRow},
    sketch::Sketch,
    windows::Pane,
};

/// Adds without rounding and without wrapping.
///
/// # Errors
/// [`Refusal`] `sum_overflow`.
pub fn add(sum: &mut i64, amount: i64) -> Result<(), Refusal> {
    let Some(added) = sum.checked_add(amount) else {
        let detail = format!("adding {amount} to a sum of {sum} does not fit into 64 bits");
        return Err(Refusal::decide("sum_overflow", detail));
    };
    *sum = added;
    Ok(())
}

/// Changes the counts of a window.
///
/// # Errors
/// As of `change`.
pub fn window(
    rows: &mut AnalyticsRows,
    pane: Pane,
    change: impl FnOnce(&mut WindowRow) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let key = pane.key();
    let mut row =
        (rows.windows.get(&(key.clone(),)).cloned()).unwrap_or_else(|| WindowRow::empty(key, pane));
    change(&mut row)?;
    rows.windows.put(row);
    Ok(())
}

/// Changes the money of a window.
///
/// # Errors
/// As of `change`.
pub fn revenue(
    rows: &mut AnalyticsRows,
    pane: Pane,
    currency: &str,
    change: impl FnOnce(&mut RevenueRow) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let key = (pane.key(), currency.to_owned());
    let mut row = (rows.revenue.get(&key).cloned()).unwrap_or(RevenueRow {
        window_key: key.0,
        currency: key.1,
        size_micros: pane.size_micros,
        window_start: pane.start,
        shard: pane.shard,
        ordered_minor: 0,
        captured_minor: 0,
        refunded_minor: 0,
    });
    change(&mut row)?;
    rows.revenue.put(row);
    Ok(())
}

/// Changes the row of an item.
///
/// # Errors
/// As of `change`.
pub fn item(
    rows: &mut AnalyticsRows,
    pane: Pane,
    currency: &str,
    item: &BasketItem,
    change: impl FnOnce(&mut ItemRow) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let key = (pane.item_key(item.item_id), currency.to_owned());
    let mut row = (rows.items.get(&key).cloned()).unwrap_or(ItemRow {
        item_key: key.0,
        currency: key.1,
        size_micros: pane.size_micros,
        window_start: pane.start,
        shard: pane.shard,
        item_id: item.item_id,
        ordered_units: 0,
        ordered_minor: 0,
        captured_units: 0,
        captured_minor: 0,
        refunded_units: 0,
        refunded_minor: 0,
    });
    change(&mut row)?;
    rows.items.put(row);
    Ok(())
}

/// Counts one more basket with a pair of items.
///
/// # Errors
/// [`Refusal`] when the count does not fit.
pub fn pair(rows: &mut AnalyticsRows, pane: Pane, pair: (i64, i64)) -> Result<(), Refusal> {
    let key = pane.pair_key(pair);
    let mut row = (rows.pairs.get(&(key.clone(),)).cloned()).unwrap_or(PairRow {
        pair_key: key,
        size_micros: pane.size_micros,
        window_start: pane.start,
        shard: pane.shard,
        low_item_id: pair.0,
        high_item_id: pair.1,
        baskets: 0,
    });
    add(&mut row.baskets, 1)?;
    rows.pairs.put(row);
    Ok(())
}

/// Adds a customer to those of a window.
///
/// # Errors
/// [`Refusal`] when the stored sketch is none of this build's.
pub fn customer(rows: &mut AnalyticsRows, pane: Pane, customer_id: &str) -> Result<(), Refusal> {
    let key = pane.key();
    let known = rows.customers.get(&(key.clone(),));
    let mut sketch = match known.map(|row| row.registers.clone()) {
        None => Sketch::default(),
        Some(registers) => Sketch::from_bytes(registers).ok_or_else(|| {
            Refusal::decide("unknown_sketch", format!("the customers of window {key}"))
        })?,
    };
    sketch.add(customer_id);
    rows.customers.put(CustomersRow {
        window_key: key,
        size_micros: pane.size_micros,
        window_start: pane.start,
        shard: pane.shard,
        registers: sketch.into_bytes(),
    });
    Ok(())
}

impl WindowRow {
    /// A window in which nothing happened.
    #[must_use]
    pub fn empty(window_key: String, pane: Pane) -> Self {
        Self {
            window_key,
            size_micros: pane.size_micros,
            window_start: pane.start,
            shard: pane.shard,
            purchases: 0,
            units: 0,
            authorised: 0,
            declined: 0,
            stock_rejected: 0,
            reservations_expired: 0,
            cancellation_requests: 0,
            cancelled: 0,
            at_risk: 0,
            handed_over: 0,
            captured: 0,
            capture_failed: 0,
            refunded: 0,
            stock_received: 0,
            stock_adjusted: 0,
            of_purchases_authorised: 0,
            of_purchases_declined: 0,
            of_purchases_out_of_stock: 0,
            of_purchases_cancelled: 0,
            of_purchases_captured: 0,
            late: 0,
        }
    }
}
