//! What facts and cancellation requests must be before anybody acts on them.

use super::{OLDEST, Times, YOUNGEST, purchase, text};
use crate::Refused;
use crate::currency;
use crate::domain::{CancellationRequested, Fact, ReservedLine};

/// Pieces in one movement of stock.
const MOVEMENT_MAX: i64 = 1_000_000_000;

/// Checks a request to cancel.
///
/// # Errors
/// [`Refused::Poison`] with the first fault found.
pub fn cancellation(request: &CancellationRequested, times: Times) -> Result<(), Refused> {
    text::id("invalid_event_id", "event_id", &request.event_id)?;
    text::id("invalid_purchase_id", "purchase_id", &request.purchase_id)?;
    let cause = request.causation_id.as_deref();
    text::optional_id("invalid_causation_id", "causation_id", cause)?;
    times.check("occurred_at", request.occurred_at)?;
    word("reason", &request.reason)
}

/// Checks a fact.
///
/// # Errors
/// [`Refused::Poison`] with the first fault found.
pub fn fact(fact: &Fact, times: Times) -> Result<(), Refused> {
    text::id("invalid_event_id", "event_id", fact.event_id())?;
    match fact.purchase_id() {
        Some(id) => text::id("invalid_purchase_id", "purchase_id", id)?,
        None => text::id("invalid_sku", "sku", fact.key())?,
    }
    text::optional_id("invalid_causation_id", "causation_id", fact.causation_id())?;
    times.check("occurred_at", fact.occurred_at())?;
    match fact {
        Fact::PaymentAuthorised(it) => money(it.amount_minor, &it.currency, &it.provider_ref),
        Fact::PaymentCaptured(it) => money(it.amount_minor, &it.currency, &it.provider_ref),
        Fact::PaymentRefunded(it) => {
            money(it.amount_minor, &it.currency, &it.provider_ref)?;
            word("reason", &it.reason)
        }
        Fact::PaymentDeclined(it) => word("reason", &it.reason),
        Fact::PaymentVoided(it) => word("reason", &it.reason),
        Fact::CaptureFailed(it) if it.attempts < 0 => {
            Err(Refused::values("invalid_quantity", "attempts is below 0"))
        }
        Fact::CaptureFailed(it) => word("reason", &it.reason),
        Fact::StockReserved(it) => {
            lines(&it.lines)?;
            it.expires_at
                .map_or(Ok(()), |expires_at| deadline("expires_at", expires_at))
        }
        Fact::StockRejected(it) => lines(&it.lines),
        Fact::StockReleased(it) => word("reason", &it.reason),
        Fact::ReservationExpired(_) => Ok(()),
        Fact::StockCommitted(it) => shipment(&it.shipment_id),
        Fact::ShipmentRequested(it) => {
            shipment(&it.shipment_id)?;
            deadline("ship_by", it.ship_by)?;
            deadline("deliver_by", it.deliver_by)
        }
        Fact::ShipmentHandedOver(it) => {
            shipment(&it.shipment_id)?;
            word("carrier", &it.carrier)?;
            word("tracking", &it.tracking)
        }
        Fact::DispatchAtRisk(it) => {
            deadline("ship_by", it.ship_by)?;
            word("waiting_for", &it.waiting_for)
        }
        Fact::PurchaseCancelled(it) => word("reason", &it.reason),
        Fact::StockReceived(it) => movement("quantity", it.quantity, 1),
        Fact::StockAdjusted(it) => {
            movement("quantity_change", it.quantity_change, -MOVEMENT_MAX)?;
            word("reason", &it.reason)
        }
    }
}

fn word(field: &'static str, value: &str) -> Result<(), Refused> {
    text::id("invalid_reason", field, value)
}

fn shipment(id: &str) -> Result<(), Refused> {
    text::id("invalid_shipment_id", "shipment_id", id)
}

fn money(amount_minor: i64, code: &str, provider_ref: &str) -> Result<(), Refused> {
    if !(0..=purchase::TOTAL_MINOR_MAX).contains(&amount_minor) {
        return Err(Refused::values(
            "invalid_amount",
            "amount_minor is out of range",
        ));
    }
    if currency::minor_digits(code).is_none() {
        return Err(Refused::values(
            "invalid_currency",
            "currency is not an ISO 4217 code in use",
        ));
    }
    text::id("invalid_provider_ref", "provider_ref", provider_ref)
}

/// A deadline may lie ahead of the clock, unlike the time at which something happened.
fn deadline(field: &'static str, micros: i64) -> Result<(), Refused> {
    if (OLDEST..=YOUNGEST).contains(&micros) {
        return Ok(());
    }
    Err(Refused::values(
        "invalid_time",
        format!("{field} is not from 2000 to 2100"),
    ))
}

fn lines(lines: &[ReservedLine]) -> Result<(), Refused> {
    if lines.is_empty() || lines.len() > purchase::LINES_MAX {
        return Err(Refused::values(
            "invalid_lines",
            format!("{} lines", lines.len()),
        ));
    }
    for line in lines {
        if line.line_no < 1 {
            return Err(Refused::values("invalid_lines", "line_no is below 1"));
        }
        text::id("invalid_sku", "sku", &line.sku)?;
        if !(1..=purchase::QUANTITY_MAX).contains(&line.quantity) {
            return Err(Refused::values(
                "invalid_quantity",
                "a line's quantity is out of range",
            ));
        }
    }
    Ok(())
}

fn movement(field: &'static str, quantity: i64, least: i64) -> Result<(), Refused> {
    if (least..=MOVEMENT_MAX).contains(&quantity) {
        return Ok(());
    }
    Err(Refused::values(
        "invalid_quantity",
        format!("{field} is out of range"),
    ))
}
