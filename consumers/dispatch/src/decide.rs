//! The pure step: what an event adds to a purchase's row, and what follows from it.
//!
//! First the event is written into the row (`learn`), then whatever the row now calls for is done.
//! Facts are still taken in when all is over, so that the row tells the whole story; they change
//! nothing any more.

use runtime::{Decision, Effects, NewTimer, Refusal, Timestamp};
use schemas::{
    Event, Fact, Purchase,
    domain::{CancellationRequested, DeliveryTier, DispatchAtRisk, ShipmentHandedOver},
    ids,
};

use crate::{
    deadlines::{Deadlines, tier_word},
    effects,
    event::{Deadline, DispatchEvent, Outcome},
    rows::{Dispatch, DispatchRows},
    state::State,
    step::{Reason, Step, next_step, waiting_for},
};

/// Applies one event.
///
/// # Errors
/// [`Refusal`] for a purchase that contradicts an earlier one, and for an answer of the carrier
/// that does not fit what was asked (`carrier_mismatch`).
pub fn decide(
    deadlines: &Deadlines,
    rows: &mut DispatchRows,
    event: &DispatchEvent,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) -> Result<Decision, Refusal> {
    let Some(purchase_id) = event.concerns() else {
        return Ok(Decision::Ignored("not_about_dispatch"));
    };
    let known = rows.dispatches.get(&(purchase_id.to_owned(),)).cloned();
    let mut row = match (known, event) {
        (Some(row), _) => row,
        (None, DispatchEvent::Event(event)) => open(deadlines, event, purchase_id, now, effects),
        (None, DispatchEvent::Answer { .. } | DispatchEvent::Timer { .. }) => {
            let detail = "an answer or a timer of a purchase that dispatch does not know";
            return Err(Refusal::decide("unknown_purchase", detail));
        }
    };
    let learnt = match event {
        DispatchEvent::Event(event) => learn(deadlines, &mut row, event)?,
        DispatchEvent::Answer { outcome, .. } => settle(&mut row, outcome, now, effects)?,
        DispatchEvent::Timer { deadline, .. } => due(&mut row, *deadline, now, effects),
    };
    if learnt == Decision::Applied {
        while let Some(step) = next_step(&row) {
            match step {
                Step::Request => effects::request(&mut row, deadlines, now, effects)?,
                Step::HandOver => effects::ask_carrier(&mut row, effects),
                Step::Cancel(reason) => effects::cancel(&mut row, reason, now, effects),
                Step::Return => effects::take_back(&mut row, now, effects),
            }
        }
        rows.dispatches.put(row);
    }
    Ok(learnt)
}

/// The row of a purchase that is heard of for the first time; its answers are waited for from now.
fn open(
    deadlines: &Deadlines,
    event: &Event,
    purchase_id: &str,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) -> Dispatch {
    effects.timer(NewTimer {
        timer_id: effects::timer_id(purchase_id, Deadline::Answers),
        key: purchase_id.to_owned(),
        kind: Deadline::Answers.as_str(),
        due_at: deadlines.answers_due_at(now),
        causation_id: event.event_id().to_owned(),
    });
    Dispatch::opened(purchase_id, event.event_id(), now)
}

/// Writes a fact into the row.
fn learn(deadlines: &Deadlines, row: &mut Dispatch, event: &Event) -> Result<Decision, Refusal> {
    let known = match event {
        Event::Purchase(purchase) => return learn_purchase(row, purchase),
        Event::CancellationRequested(request) => {
            return Ok(learn_cancellation(deadlines, row, request));
        }
        Event::Fact(Fact::PaymentAuthorised(_)) => &mut row.authorised_by,
        Event::Fact(Fact::PaymentDeclined(_)) => &mut row.declined_by,
        Event::Fact(Fact::PaymentVoided(fact)) => {
            row.void_reason.get_or_insert_with(|| fact.reason.clone());
            &mut row.voided_by
        }
        Event::Fact(Fact::StockReserved(fact)) => match fact.expires_at {
            Some(_) => &mut row.reserved_by,
            None => &mut row.firm_by,
        },
        Event::Fact(Fact::StockRejected(_)) => &mut row.rejected_by,
        Event::Fact(Fact::StockReleased(_)) => &mut row.released_by,
        Event::Fact(Fact::ReservationExpired(_)) => &mut row.expired_by,
        Event::Fact(_) => return Ok(Decision::Ignored("not_about_dispatch")),
    };
    if known.is_some() {
        return Ok(Decision::Duplicate);
    }
    *known = Some(event.event_id().to_owned());
    Ok(Decision::Applied)
}

fn learn_purchase(row: &mut Dispatch, purchase: &Purchase) -> Result<Decision, Refusal> {
    let content_hash = purchase.content_hash();
    if let Some(known) = &row.content_hash {
        if *known == content_hash {
            return Ok(Decision::Duplicate);
        }
        return Err(Refusal::decide(
            "conflicting_duplicate",
            format!("content {content_hash} after {known} under the same purchase id"),
        ));
    }
    if purchase.delivery_tier == DeliveryTier::Unknown {
        let detail = "the purchase does not say how fast it is to be delivered";
        return Err(Refusal::decide("unknown_delivery_tier", detail));
    }
    row.purchase_event_id = Some(purchase.event_id.clone());
    row.content_hash = Some(content_hash);
    row.delivery_tier = Some(tier_word(purchase.delivery_tier).to_owned());
    row.purchased_at = Some(purchase.occurred_at);
    Ok(Decision::Applied)
}

/// From the moment the carrier is asked, a shipment cannot be stopped any more: it may already be in
/// the carrier's hands. A request from then on is for a return. Whether it comes in time for that is
/// told by when it was made, so that a second delivery is told the same.
fn learn_cancellation(
    deadlines: &Deadlines,
    row: &mut Dispatch,
    request: &CancellationRequested,
) -> Decision {
    let handed_over_at = row.ended_at.unwrap_or_default();
    match row.state {
        State::HandingOver if !deadlines.grants_returns() => Decision::Ignored("too_late"),
        State::HandedOver if !deadlines.may_return(handed_over_at, request.occurred_at) => {
            Decision::Ignored("too_late")
        }
        _ if row.cancellation_by.is_some() => Decision::Duplicate,
        // It may have come too late before the carrier refused: the second delivery of a request
        // that was not written down must not be written down either.
        State::Cancelled => Decision::Ignored("already_cancelled"),
        State::Waiting
        | State::Requested
        | State::HandingOver
        | State::HandedOver
        | State::Returned => {
            row.cancellation_by = Some(request.event_id.clone());
            Decision::Applied
        }
    }
}

/// Applies an answer of the carrier, which must be about the shipment that it was asked to take.
fn settle(
    row: &mut Dispatch,
    outcome: &Outcome,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) -> Result<Decision, Refusal> {
    match row.state {
        State::HandingOver => {}
        State::HandedOver | State::Returned | State::Cancelled => {
            return Ok(Decision::Duplicate);
        }
        State::Waiting | State::Requested => {
            let detail = "an answer of the carrier before it was asked";
            return Err(Refusal::decide("unasked_answer", detail));
        }
    }
    match outcome {
        Outcome::HandedOver {
            shipment_id,
            carrier,
            tracking,
        } => {
            let asked = row.shipment_id.clone().unwrap_or_default();
            if *shipment_id != asked {
                let detail = format!("the carrier took {shipment_id} where {asked} was asked");
                return Err(Refusal::decide("carrier_mismatch", detail));
            }
            row.state = State::HandedOver;
            row.ended_at = Some(now);
            row.carrier = Some(carrier.clone());
            row.tracking = Some(tracking.clone());
            effects.cancel_timer(effects::timer_id(&row.purchase_id, Deadline::ShipBy));
            let fact = ShipmentHandedOver {
                event_id: ids::derived(&row.purchase_id, "dispatch.handed_over"),
                purchase_id: row.purchase_id.clone(),
                occurred_at: now,
                causation_id: row.firm_by.clone().unwrap_or_default(),
                shipment_id: asked,
                carrier: carrier.clone(),
                tracking: tracking.clone(),
            };
            effects.emit(fact.into());
        }
        // It will not take them: because of the goods, or because of how it was asked.
        Outcome::Refused | Outcome::Rejected { .. } => {
            effects::cancel(row, Reason::CarrierRefused, now, effects);
        }
        Outcome::Mismatch { detail } => {
            return Err(Refusal::decide("carrier_mismatch", detail.clone()));
        }
    }
    Ok(Decision::Applied)
}

/// A time has come.
fn due(
    row: &mut Dispatch,
    deadline: Deadline,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) -> Decision {
    match (deadline, row.state) {
        (Deadline::Answers, State::Waiting) => row.answers_late = true,
        (Deadline::ShipBy, State::Requested | State::HandingOver) if !row.at_risk => {
            row.at_risk = true;
            let fact = DispatchAtRisk {
                event_id: ids::derived(&row.purchase_id, "dispatch.at_risk"),
                purchase_id: row.purchase_id.clone(),
                occurred_at: now,
                causation_id: row.purchase_event_id.clone().unwrap_or_default(),
                ship_by: row.ship_by.unwrap_or_default(),
                waiting_for: waiting_for(row).to_owned(),
            };
            effects.emit(fact.into());
        }
        (Deadline::ShipBy, State::Requested | State::HandingOver) => return Decision::Duplicate,
        _ => return Decision::Ignored("in_time"),
    }
    Decision::Applied
}
