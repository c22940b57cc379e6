//! One sentence about a purchase's way out: what was decided, and why.

use crate::{rows::Dispatch, state::State};

/// What dispatch decided about a purchase, and why, in one sentence.
#[must_use]
pub fn explain(row: &Dispatch) -> String {
    match row.state {
        State::Waiting => format!("Waiting for {}.", missing(row)),
        State::Requested => {
            "Paid and reserved; waiting for inventory to make the reservation firm.".into()
        }
        State::HandingOver => {
            "The reservation is firm; the carrier is asked to take the goods.".into()
        }
        State::HandedOver => format!(
            "Handed over to {} as {}{}.",
            row.carrier.as_deref().unwrap_or("the carrier"),
            row.tracking.as_deref().unwrap_or("an unnamed parcel"),
            if row.at_risk { ", after ship-by" } else { "" }
        ),
        State::Returned => format!(
            "Handed over to {} as {}, and then cancelled: the goods are to come back.",
            row.carrier.as_deref().unwrap_or("the carrier"),
            row.tracking.as_deref().unwrap_or("an unnamed parcel"),
        ),
        State::Cancelled => format!("Cancelled: {}.", why(row)),
    }
}

fn missing(row: &Dispatch) -> String {
    let mut missing = vec![];
    if row.purchase_event_id.is_none() {
        missing.push("the purchase");
    }
    if !row.is_paid() {
        missing.push("payment");
    }
    if !row.is_reserved() {
        missing.push("a reservation");
    }
    missing.join(" and ")
}

fn why(row: &Dispatch) -> &str {
    match row.cancel_reason.as_deref() {
        Some("customer") => "it was asked for before the carrier was",
        Some("declined") => "the money is not held",
        Some("no_stock") => "there is no stock",
        Some("expired") => "the reservation lapsed before the purchase was paid",
        Some("answers_late") => "payment or inventory did not answer in time",
        Some("carrier_refused") => "the carrier does not take the goods",
        Some(other) => other,
        None => "no reason is kept",
    }
}
