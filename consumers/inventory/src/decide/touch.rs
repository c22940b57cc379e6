//! Which rows an input concerns.
//!
//! All stock is named in the second step, after the reservations and their lines are loaded: most
//! inputs name only a purchase, and stock is shared between shards, so the rows of a batch must be
//! locked all at once. Stock that cannot move is not locked: popular SKUs are waited for.

use schemas::{Event, Fact};

use crate::{
    Input,
    reservation::State,
    rows::{InventoryKeys, InventoryRows},
};

/// The purchase, when the event is one that inventory acts on.
pub(crate) fn concerned(event: &Event) -> Option<&str> {
    match event {
        Event::Purchase(_)
        | Event::Fact(
            Fact::PaymentDeclined(_)
            | Fact::PaymentVoided(_)
            | Fact::PurchaseCancelled(_)
            | Fact::ShipmentRequested(_)
            | Fact::ShipmentHandedOver(_),
        ) => event.purchase_id(),
        // A wish to cancel is dispatch's to grant; inventory acts on `PurchaseCancelled`.
        _ => None,
    }
}

/// First step: what the input itself names.
pub(crate) fn touches(input: &Input, keys: &mut InventoryKeys) {
    let purchase_id = match input {
        Input::Lapsed { purchase_id, .. } => Some(purchase_id.as_str()),
        Input::Event(Event::Fact(Fact::StockReceived(fact))) => {
            keys.events.insert(fact.event_id.clone());
            None
        }
        Input::Event(Event::Fact(Fact::StockAdjusted(fact))) => {
            keys.events.insert(fact.event_id.clone());
            None
        }
        Input::Event(event) => concerned(event),
    };
    if let Some(purchase_id) = purchase_id {
        keys.reservations.insert(purchase_id.to_owned());
        keys.lines.insert(purchase_id.to_owned());
    }
}

/// Second step: the stock that may move.
pub(crate) fn touches_stock(rows: &InventoryRows, input: &Input, keys: &mut InventoryKeys) {
    let event = match input {
        Input::Lapsed { purchase_id, .. } => return touches_lines(rows, purchase_id, keys),
        Input::Event(event) => event,
    };
    match event {
        Event::Purchase(purchase) => {
            let skus = purchase.lines.iter().map(|line| line.item_id.to_string());
            keys.stock.extend(skus);
        }
        Event::Fact(Fact::StockReceived(fact)) => {
            keys.stock.insert(fact.sku.clone());
        }
        Event::Fact(Fact::StockAdjusted(fact)) => {
            keys.stock.insert(fact.sku.clone());
        }
        Event::Fact(Fact::ShipmentRequested(fact)) => {
            let key = (fact.purchase_id.clone(),);
            let state = rows.reservations.get(&key).map(|row| row.stands());
            // Making a held reservation firm moves nothing. Should it lapse earlier in this very
            // batch, then the lapse names the stock.
            if state != Some(State::Held) {
                touches_lines(rows, &fact.purchase_id, keys);
            }
        }
        event => {
            if let Some(purchase_id) = concerned(event) {
                touches_lines(rows, purchase_id, keys);
            }
        }
    }
}

/// The stock of a known purchase, unless nothing can happen to it any more. A purchase that comes
/// in the same batch names its stock itself.
fn touches_lines(rows: &InventoryRows, purchase_id: &str, keys: &mut InventoryKeys) {
    let ended =
        (rows.reservations.get(&(purchase_id.to_owned(),))).is_none_or(|row| row.stands().is_end());
    if !ended {
        let lines = rows.lines_of(purchase_id);
        keys.stock.extend(lines.map(|line| line.sku.clone()));
    }
}
