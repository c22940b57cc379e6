//! Names the rows that an event is counted in.
//!
//! A fact names its own windows. The windows of its purchase are named by whichever of the two is
//! later: by the purchase's row when the purchase was counted in an earlier batch, and by the
//! purchase itself when it is in the same batch or yet to come.

use schemas::{Event, Purchase};

use crate::{
    Observed,
    basket::{self, BasketItem},
    rows::{AnalyticsKeys, AnalyticsRows},
    windows::Windows,
};

/// What the event alone tells.
pub fn touches(windows: &Windows, observed: &Observed, keys: &mut AnalyticsKeys) {
    for pane in windows.panes(observed.event.occurred_at(), observed.shard) {
        keys.windows.insert(pane.key());
        keys.revenue.insert(pane.key());
    }
    match observed.event.purchase_id() {
        Some(purchase_id) => keys.counted.insert(purchase_id.to_owned()),
        None => (keys.movements).insert(observed.event.event_id().to_owned()),
    };
    if let Event::Purchase(purchase) = &observed.event {
        of_purchase(windows, observed.shard, purchase, keys);
    }
}

fn of_purchase(windows: &Windows, shard: i32, purchase: &Purchase, keys: &mut AnalyticsKeys) {
    let pane = windows.coarse(purchase.occurred_at, shard);
    keys.customers.insert(pane.key());
    let items = purchase.lines.iter().map(|line| line.item_id);
    keys.items
        .extend(items.map(|item_id| pane.item_key(item_id)));
    let pairs = basket::pairs(purchase);
    keys.pairs
        .extend(pairs.into_iter().map(|pair| pane.pair_key(pair)));
}

/// What the purchase's row tells.
pub fn touches_after(
    windows: &Windows,
    rows: &AnalyticsRows,
    observed: &Observed,
    keys: &mut AnalyticsKeys,
) {
    let (Event::Fact(_), Some(purchase_id)) = (&observed.event, observed.event.purchase_id())
    else {
        return;
    };
    let Some(counted) = rows.counted.get(&(purchase_id.to_owned(),)) else {
        return;
    };
    let Some(purchased_at) = counted.purchased_at else {
        return;
    };
    let panes = windows.panes(purchased_at, observed.shard);
    keys.windows.extend(panes.map(|pane| pane.key()));
    let pane = windows.coarse(purchased_at, observed.shard);
    let basket: Vec<BasketItem> =
        (counted.basket.as_deref()).map_or_else(Vec::new, basket::from_text);
    keys.items
        .extend(basket.iter().map(|item| pane.item_key(item.item_id)));
}
