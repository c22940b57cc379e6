//! Entering what an event says into the reservation's row, and nothing else.
//!
//! A fact is remembered by what it answers, so the second telling is recognised. After an end
//! nothing is entered: what comes then is too late, and changes nothing.

use runtime::{Decision, Refusal, Timestamp};
use schemas::{Event, Fact, Purchase};

use crate::{
    reservation::State,
    rows::{InventoryRows, Reservation, ReservationLine},
};

pub(super) fn learn(
    rows: &mut InventoryRows,
    purchase_id: &str,
    event: &Event,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let known = rows.reservations.get(&(purchase_id.to_owned(),)).cloned();
    let mut row = known.unwrap_or_else(|| Reservation::unknown(purchase_id));
    if let Event::Purchase(purchase) = event {
        return learn_purchase(rows, row, purchase);
    }
    let Event::Fact(fact) = event else {
        return Ok(Decision::Ignored("not_for_inventory"));
    };
    let (state, ended) = (row.stands(), row.has_ended());
    let event_id = event.event_id();
    let (place, reason) = match fact {
        Fact::PaymentDeclined(_) => (&mut row.declined_by, Some("declined")),
        Fact::PaymentVoided(_) => (&mut row.voided_by, Some("voided")),
        Fact::PurchaseCancelled(fact) => (&mut row.cancelled_by, Some(fact.reason.as_str())),
        Fact::ShipmentRequested(_) => (&mut row.requested_by, None),
        Fact::ShipmentHandedOver(_) => (&mut row.handed_over_by, None),
        _ => return Ok(Decision::Ignored("not_for_inventory")),
    };
    if place.is_some() {
        return Ok(Decision::Duplicate);
    }
    if state.is_end() {
        return after_the_end(state, fact);
    }
    *place = Some(event_id.to_owned());
    if !ended && let Some(reason) = reason {
        row.reason = Some(reason.to_owned());
    }
    match fact {
        Fact::ShipmentRequested(fact) => row.shipment_id = Some(fact.shipment_id.clone()),
        Fact::ShipmentHandedOver(fact) => row.shipment_id = Some(fact.shipment_id.clone()),
        _ => {}
    }
    if state == State::Waiting {
        event_id.clone_into(&mut row.cause_id);
        row.changed_at = now;
    }
    rows.reservations.put(row);
    Ok(Decision::Applied)
}

fn after_the_end(state: State, fact: &Fact) -> Result<Decision, Refusal> {
    if let Fact::ShipmentHandedOver(fact) = fact {
        // Never in the handshake: goods have left that were not reserved. Somebody has to count.
        let detail = format!(
            "shipment {} was handed over, and its reservation is {}",
            fact.shipment_id,
            state.as_str()
        );
        return Err(Refusal::decide("handed_over_without_reservation", detail));
    }
    Ok(Decision::Ignored(match state {
        State::Rejected => "after_rejection",
        State::Released => "after_release",
        _ => "after_commit",
    }))
}

fn learn_purchase(
    rows: &mut InventoryRows,
    mut row: Reservation,
    purchase: &Purchase,
) -> Result<Decision, Refusal> {
    let content_hash = purchase.content_hash();
    match &row.content_hash {
        Some(known) if *known == content_hash => return Ok(Decision::Duplicate),
        Some(_) => {
            let detail = format!(
                "event {} says something else about purchase {} than the first one did",
                purchase.event_id, purchase.purchase_id
            );
            return Err(Refusal::decide("conflicting_duplicate", detail));
        }
        None => row.content_hash = Some(content_hash),
    }
    rows.reservations.put(row);
    for line in &purchase.lines {
        rows.lines.put(ReservationLine {
            purchase_id: purchase.purchase_id.clone(),
            line_no: line.line_no,
            sku: line.item_id.to_string(),
            quantity: line.quantity,
        });
    }
    Ok(Decision::Applied)
}
