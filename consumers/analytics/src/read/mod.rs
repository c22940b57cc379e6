//! Questions to the tables of analytics: shards are added up here.
//!
//! Every answer is one snapshot and costs a bounded number of statements and rows. Rates are exact
//! fractions; the only estimate is that of distinct customers, and it is named so.

mod columns;
mod totals;

use std::sync::Arc;

use runtime::store::{Cells, Kind, Mode, Store, StoreError};

use self::{
    columns::{RANGE, longs, statement, sum, table},
    totals::{COUNTS, count_names, money_by_window, rates},
};
use crate::{sketch::Sketch, windows::Windows};

pub use totals::{Fraction, Money, Rates, Together, TopItem, WindowTotals};

/// How many windows one question may span.
pub const WINDOWS_MAX: i64 = 10_000;
/// How many items one answer may list.
pub const LIMIT_MAX: u32 = 1_000;

const SKETCHES_AT_A_TIME: i64 = 24;

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It cannot be answered as it was asked.
    #[error("{0}")]
    Question(String),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The windows that begin at `from` or later and before `to`; microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first instant.
    pub from: i64,
    /// The instant after the last.
    pub to: i64,
}

/// Which windows to add up into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A minute each, unless configured.
    Fine,
    /// An hour each, unless configured.
    Coarse,
}

/// By what items are ranked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopBy {
    /// Units ordered.
    Units,
    /// What was captured and not refunded, in one currency: amounts of several do not compare.
    Revenue {
        /// ISO 4217.
        currency: String,
    },
}

/// Reads the tables of analytics.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn Store>,
    windows: Windows,
}

impl Reader {
    /// A reader of the group's database; the windows must be those that the group counts in.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, windows: Windows) -> Self {
        Self { store, windows }
    }

    /// The windows of a range in which anything happened, in order of time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn windows(&self, size: Size, range: Range) -> Result<Vec<WindowTotals>, ReadError> {
        let size_micros = self.size_micros(size);
        check(range, size_micros)?;
        let names = count_names();
        let sums: Vec<String> = names.iter().map(|name| sum(name)).collect();
        let counts = statement(&format!(
            "SELECT window_start, {} FROM windows {RANGE} \
             GROUP BY window_start ORDER BY window_start",
            sums.join(", ")
        ));
        let money = statement(&format!(
            "SELECT window_start, currency, {}, {}, {} FROM revenue {RANGE} \
             GROUP BY window_start, currency ORDER BY window_start, currency",
            sum("ordered_minor"),
            sum("captured_minor"),
            sum("refunded_minor"),
        ));
        let parameters = longs(&[size_micros, range.from, range.to]);
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let kinds = [Kind::Long; COUNTS + 1];
        let counts = table(transaction.as_mut(), &counts, parameters.clone(), &kinds).await?;
        let mut kinds = [Kind::Long; 5];
        kinds[1] = Kind::Text;
        let money = table(transaction.as_mut(), &money, parameters, &kinds).await?;
        transaction.commit().await?;
        let mut money_of = money_by_window(&money)?;
        (0..counts.rows())
            .map(|row| {
                let start = counts.long(0, row)?;
                Ok(WindowTotals {
                    start,
                    size_micros,
                    counts: (names.iter().enumerate())
                        .map(|(place, name)| Ok((*name, counts.long(place + 1, row)?)))
                        .collect::<Result<_, StoreError>>()?,
                    rates: rates(&names, &counts, row)?,
                    money: money_of.remove(&start).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// The items that come first in a range of coarse windows.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn top_items(
        &self,
        range: Range,
        by: &TopBy,
        limit: u32,
    ) -> Result<Vec<TopItem>, ReadError> {
        let size_micros = self.windows.coarse_micros;
        check(range, size_micros)?;
        check_limit(limit)?;
        let mut parameters = longs(&[size_micros, range.from, range.to, i64::from(limit)]);
        let (of_currency, rank) = match by {
            TopBy::Units => ("", "SUM(ordered_units)"),
            TopBy::Revenue { currency } => {
                parameters.push(Cells::texts([currency.as_str()]));
                (
                    "AND currency = #5",
                    "SUM(captured_minor) - SUM(refunded_minor)",
                )
            }
        };
        let sums = [
            "ordered_units",
            "ordered_minor",
            "captured_units",
            "captured_minor",
            "refunded_units",
            "refunded_minor",
        ]
        .map(sum);
        let top = statement(&format!(
            "SELECT item_id, currency, {} FROM items {RANGE} {of_currency} \
             GROUP BY item_id, currency ORDER BY {rank} DESC, item_id, currency LIMIT @4",
            sums.join(", ")
        ));
        let mut kinds = [Kind::Long; 8];
        kinds[1] = Kind::Text;
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let top = table(transaction.as_mut(), &top, parameters, &kinds).await?;
        transaction.commit().await?;
        (0..top.rows())
            .map(|row| {
                Ok(TopItem {
                    item_id: top.long(0, row)?,
                    currency: top.text(1, row)?,
                    ordered_units: top.long(2, row)?,
                    ordered_minor: top.long(3, row)?,
                    captured_units: top.long(4, row)?,
                    captured_minor: top.long(5, row)?,
                    refunded_units: top.long(6, row)?,
                    refunded_minor: top.long(7, row)?,
                })
            })
            .collect()
    }

    /// The items that are most often in one basket with an item, of a range of coarse windows.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn together(
        &self,
        item_id: i64,
        range: Range,
        limit: u32,
    ) -> Result<Vec<Together>, ReadError> {
        let size_micros = self.windows.coarse_micros;
        check(range, size_micros)?;
        check_limit(limit)?;
        let half = |this: &str, other: &str| {
            format!("SELECT {other} AS other, baskets FROM pairs {RANGE} AND {this} = @5")
        };
        let together = statement(&format!(
            "SELECT other, {} FROM ({} UNION ALL {}) AS halves \
             GROUP BY other ORDER BY SUM(baskets) DESC, other LIMIT @4",
            sum("baskets"),
            half("low_item_id", "high_item_id"),
            half("high_item_id", "low_item_id"),
        ));
        let parameters = longs(&[size_micros, range.from, range.to, i64::from(limit), item_id]);
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let kinds = [Kind::Long; 2];
        let together = table(transaction.as_mut(), &together, parameters, &kinds).await?;
        transaction.commit().await?;
        (0..together.rows())
            .map(|row| {
                Ok(Together {
                    item_id: together.long(0, row)?,
                    baskets: together.long(1, row)?,
                })
            })
            .collect()
    }

    /// About how many different customers bought in a range of coarse windows.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn distinct_customers(&self, range: Range) -> Result<u64, ReadError> {
        let size_micros = self.windows.coarse_micros;
        check(range, size_micros)?;
        let registers = statement(&format!("SELECT registers FROM customers {RANGE}"));
        let mut all = Sketch::default();
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let mut from = range.from;
        while from < range.to {
            let to = from
                .saturating_add(size_micros.saturating_mul(SKETCHES_AT_A_TIME))
                .min(range.to);
            let parameters = longs(&[size_micros, from, to]);
            let kinds = [Kind::Bytes];
            let page = table(transaction.as_mut(), &registers, parameters, &kinds).await?;
            for row in 0..page.rows() {
                all.merge(&page.sketch(0, row)?);
            }
            from = to;
        }
        transaction.commit().await?;
        Ok(all.estimate())
    }

    /// How long the windows of a size are.
    #[must_use]
    pub fn size_micros(&self, size: Size) -> i64 {
        match size {
            Size::Fine => self.windows.fine_micros,
            Size::Coarse => self.windows.coarse_micros,
        }
    }
}

fn check(range: Range, size_micros: i64) -> Result<(), ReadError> {
    let Some(length) = range
        .to
        .checked_sub(range.from)
        .filter(|length| *length > 0)
    else {
        return Err(ReadError::Question("from must lie before to".to_owned()));
    };
    if length / size_micros.max(1) > WINDOWS_MAX {
        return Err(ReadError::Question(format!(
            "the range spans more than {WINDOWS_MAX} windows of {size_micros} microseconds"
        )));
    }
    Ok(())
}

fn check_limit(limit: u32) -> Result<(), ReadError> {
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(());
    }
    Err(ReadError::Question(format!(
        "limit must be 1 to {LIMIT_MAX}"
    )))
}
