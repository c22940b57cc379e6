//! What the tables of analytics answer: totals of windows, items and pairs, and how they are made of
//! the columns of a query.

use std::collections::BTreeMap;

use runtime::store::StoreError;
use serde::Serialize;

use super::columns::Answer;
use crate::rows::WindowRow;

/// How many counts a window has.
pub(super) const COUNTS: usize = 21;

/// An exact ratio; the denominator may be 0, when there was nothing to be a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fraction {
    /// The part.
    pub numerator: i64,
    /// The whole.
    pub denominator: i64,
}

/// Of the purchases made in a window, what became of them so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rates {
    /// Authorised.
    pub conversion: Fraction,
    /// Declined.
    pub decline: Fraction,
    /// Out of stock.
    pub stock_out: Fraction,
    /// Cancelled.
    pub cancellation: Fraction,
    /// Paid for.
    pub capture: Fraction,
}

/// Money of a window in minor units, by when it moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Money {
    /// Totals of the purchases made.
    pub ordered_minor: i64,
    /// What was captured.
    pub captured_minor: i64,
    /// What was given back.
    pub refunded_minor: i64,
    /// Captured less refunded; negative when more was given back than came in.
    pub revenue_minor: i64,
}

/// One window, all shards added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowTotals {
    /// Its first instant, microseconds since the epoch.
    pub start: i64,
    /// Its length.
    pub size_micros: i64,
    /// What happened in it, by the names of the columns of `windows`.
    pub counts: BTreeMap<&'static str, i64>,
    /// What became of its purchases.
    pub rates: Rates,
    /// Money by currency.
    pub money: BTreeMap<String, Money>,
}

/// One item in one currency over a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopItem {
    /// The item.
    pub item_id: i64,
    /// ISO 4217.
    pub currency: String,
    /// Units ordered.
    pub ordered_units: i64,
    /// Their price, without tax and shipping.
    pub ordered_minor: i64,
    /// Units paid for.
    pub captured_units: i64,
    /// Their price.
    pub captured_minor: i64,
    /// Units refunded.
    pub refunded_units: i64,
    /// Their price.
    pub refunded_minor: i64,
}

/// An item that was bought together with the one asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Together {
    /// The other item.
    pub item_id: i64,
    /// Baskets with both.
    pub baskets: i64,
}

/// The counts of [`WindowRow`]: its columns behind key, size, start and shard.
pub(super) fn count_names() -> Vec<&'static str> {
    let columns = <WindowRow as runtime::rows::Row>::TABLE.columns;
    columns[4..].iter().map(|column| column.name).collect()
}

pub(super) fn money_by_window(
    money: &Answer,
) -> Result<BTreeMap<i64, BTreeMap<String, Money>>, StoreError> {
    let mut by_window: BTreeMap<i64, BTreeMap<String, Money>> = BTreeMap::new();
    for row in 0..money.rows() {
        let (captured_minor, refunded_minor) = (money.long(3, row)?, money.long(4, row)?);
        let of_currency = Money {
            ordered_minor: money.long(2, row)?,
            captured_minor,
            refunded_minor,
            // Both are sums of what is not negative, so the difference fits.
            revenue_minor: captured_minor - refunded_minor,
        };
        let window = by_window.entry(money.long(0, row)?).or_default();
        window.insert(money.text(1, row)?, of_currency);
    }
    Ok(by_window)
}

pub(super) fn rates(
    names: &[&'static str],
    counts: &Answer,
    row: usize,
) -> Result<Rates, StoreError> {
    let of = |name: &str| {
        let place = names.iter().position(|known| *known == name);
        counts.long(place.expect("a column of windows") + 1, row)
    };
    let of_purchases = |name: &str| {
        Ok::<_, StoreError>(Fraction {
            numerator: of(name)?,
            denominator: of("purchases")?,
        })
    };
    Ok(Rates {
        conversion: of_purchases("of_purchases_authorised")?,
        decline: of_purchases("of_purchases_declined")?,
        stock_out: of_purchases("of_purchases_out_of_stock")?,
        cancellation: of_purchases("of_purchases_cancelled")?,
        capture: of_purchases("of_purchases_captured")?,
    })
}
