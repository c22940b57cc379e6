//! What of a purchase has to be remembered, so that what happens to it later can be counted to its
//! items.

use std::collections::BTreeMap;

use schemas::{Purchase, domain::Line};

/// Of how many different items of one basket the pairs are counted: the first ones by line number.
/// So a basket adds at most 45 pairs, however long it is.
pub const PAIRED_ITEMS_MAX: usize = 10;

/// One item of a basket; its lines are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasketItem {
    /// The item.
    pub item_id: i64,
    /// How many.
    pub units: i64,
    /// Unit price times quantity, without tax and shipping, in minor units.
    pub amount_minor: i64,
}

/// The items of a purchase, by item id. None when the sums do not fit.
#[must_use]
pub fn items(purchase: &Purchase) -> Option<Vec<BasketItem>> {
    let mut items: BTreeMap<i64, BasketItem> = BTreeMap::new();
    for line in &purchase.lines {
        let amount_minor = amount_minor(line)?;
        let item = items.entry(line.item_id).or_insert(BasketItem {
            item_id: line.item_id,
            units: 0,
            amount_minor: 0,
        });
        item.units = item.units.checked_add(i64::from(line.quantity))?;
        item.amount_minor = item.amount_minor.checked_add(amount_minor)?;
    }
    Some(items.into_values().collect())
}

fn amount_minor(line: &Line) -> Option<i64> {
    line.unit_price_minor.checked_mul(i64::from(line.quantity))
}

/// The pairs of different items bought together, the lower id first, each once.
#[must_use]
pub fn pairs(purchase: &Purchase) -> Vec<(i64, i64)> {
    let mut firsts: Vec<i64> = Vec::with_capacity(PAIRED_ITEMS_MAX);
    for line in &purchase.lines {
        if firsts.len() == PAIRED_ITEMS_MAX {
            break;
        }
        if !firsts.contains(&line.item_id) {
            firsts.push(line.item_id);
        }
    }
    firsts.sort_unstable();
    let mut pairs = Vec::new();
    for (index, low) in firsts.iter().enumerate() {
        pairs.extend(firsts[index + 1..].iter().map(|high| (*low, *high)));
    }
    pairs
}

/// A basket as text for its row.
#[must_use]
pub fn to_text(items: &[BasketItem]) -> String {
    let triples: Vec<(i64, i64, i64)> = (items.iter())
        .map(|item| (item.item_id, item.units, item.amount_minor))
        .collect();
    serde_json::json!(triples).to_string()
}

/// A basket from the text of its row.
#[must_use]
pub fn from_text(text: &str) -> Vec<BasketItem> {
    let triples: Vec<(i64, i64, i64)> =
        serde_json::from_str(text).expect("a basket was written by to_text");
    (triples.into_iter())
        .map(|(item_id, units, amount_minor)| BasketItem {
            item_id,
            units,
            amount_minor,
        })
        .collect()
}
