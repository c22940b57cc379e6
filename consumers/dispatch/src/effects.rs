//! What dispatch does: ask for a firm reservation, ask the carrier, end a purchase. Everything that
//! is stated or asked takes its ids and causes from the row.

use runtime::{Effects, NewTask, NewTimer, Refusal, Timestamp};
use schemas::{
    Fact,
    domain::{DeliveryTier, PurchaseCancelled, ShipmentRequested},
    ids,
};

use crate::{
    deadlines::{Deadlines, tier_word},
    event::{Ask, Deadline, HAND_OVER},
    rows::Dispatch,
    state::State,
    step::{Reason, cancelled_by},
};

/// The id of a timer of a purchase.
pub(crate) fn timer_id(purchase_id: &str, deadline: Deadline) -> String {
    format!("{purchase_id}:{}", deadline.as_str())
}

/// Paid and reserved: requests the shipment, and keeps an eye on ship-by.
pub(crate) fn request(
    row: &mut Dispatch,
    deadlines: &Deadlines,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) -> Result<(), Refusal> {
    let tier = tier_of(row);
    let times = deadlines.of(tier, row.purchased_at.unwrap_or(row.created_at));
    let (ship_by, deliver_by) = times.ok_or_else(|| {
        Refusal::decide(
            "unknown_delivery_tier",
            "the row names a tier without times",
        )
    })?;
    let shipment_id = ids::derived(&row.purchase_id, "dispatch.shipment");
    let causation_id = row.purchase_event_id.clone().unwrap_or_default();
    row.state = State::Requested;
    row.shipment_id = Some(shipment_id.clone());
    row.ship_by = Some(ship_by);
    row.deliver_by = Some(deliver_by);
    row.requested_at = Some(now);
    effects.cancel_timer(timer_id(&row.purchase_id, Deadline::Answers));
    effects.timer(NewTimer {
        timer_id: timer_id(&row.purchase_id, Deadline::ShipBy),
        key: row.purchase_id.clone(),
        kind: Deadline::ShipBy.as_str(),
        due_at: ship_by,
        causation_id: causation_id.clone(),
    });
    let fact = ShipmentRequested {
        event_id: ids::derived(&row.purchase_id, "dispatch.requested"),
        purchase_id: row.purchase_id.clone(),
        occurred_at: now,
        causation_id: row.authorised_by.clone().unwrap_or(causation_id),
        shipment_id,
        ship_by,
        deliver_by,
    };
    effects.emit(fact.into());
    Ok(())
}

/// The reservation is firm: asks the carrier.
pub(crate) fn ask_carrier(row: &mut Dispatch, effects: &mut Effects<Fact>) {
    row.state = State::HandingOver;
    let ask = Ask {
        shipment_id: row.shipment_id.clone().unwrap_or_default(),
        purchase_id: row.purchase_id.clone(),
        tier: tier_word(tier_of(row)).to_owned(),
    };
    effects.task(NewTask {
        task_id: format!("{}:{HAND_OVER}", row.purchase_id),
        key: row.purchase_id.clone(),
        kind: HAND_OVER,
        payload: serde_json::to_value(ask).expect("a struct of strings is JSON"),
        causation_id: row.firm_by.clone().unwrap_or_default(),
    });
}

/// Ends the purchase without a shipment.
pub(crate) fn cancel(
    row: &mut Dispatch,
    reason: Reason,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) {
    row.state = State::Cancelled;
    row.ended_at = Some(now);
    for deadline in [Deadline::Answers, Deadline::ShipBy] {
        effects.cancel_timer(timer_id(&row.purchase_id, deadline));
    }
    state_cancelled(row, reason, now, effects);
}

/// Ends the purchase after its hand-over: whoever took money gives it back.
pub(crate) fn take_back(row: &mut Dispatch, now: Timestamp, effects: &mut Effects<Fact>) {
    row.state = State::Returned;
    state_cancelled(row, Reason::Customer, now, effects);
}

/// States, once per purchase, that it is cancelled.
fn state_cancelled(
    row: &mut Dispatch,
    reason: Reason,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) {
    row.cancel_reason = Some(reason.as_str().to_owned());
    let fact = PurchaseCancelled {
        event_id: ids::derived(&row.purchase_id, "dispatch.cancelled"),
        purchase_id: row.purchase_id.clone(),
        occurred_at: now,
        causation_id: cancelled_by(row, reason),
        reason: reason.as_str().to_owned(),
    };
    effects.emit(fact.into());
}

fn tier_of(row: &Dispatch) -> DeliveryTier {
    let word = row.delivery_tier.as_deref();
    [
        DeliveryTier::Standard,
        DeliveryTier::TwoDay,
        DeliveryTier::NextDay,
    ]
    .into_iter()
    .find(|tier| word == Some(tier_word(*tier)))
    .unwrap_or(DeliveryTier::Unknown)
}
