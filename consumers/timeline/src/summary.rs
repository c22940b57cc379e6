//! What an event says, as JSON that may be shown to anybody who may see the purchase.
//!
//! Every field is named here one by one: a field that is not named (a customer's id, instructions,
//! a payment reference of a tender, a tracking number) stays out, and so does every field that a
//! later version adds.

use schemas::domain::{Fact, Purchase, ReservedLine};
use schemas::{Event, domain::CancellationRequested};
use serde_json::{Value, json};

/// How many lines of a basket are listed; `line_count` tells how many there are.
pub const LINES_LISTED: usize = 20;

/// The summary of an event.
#[must_use]
pub fn summary(event: &Event) -> Value {
    match event {
        Event::Purchase(purchase) => of_purchase(purchase),
        Event::CancellationRequested(CancellationRequested { reason, .. }) => {
            json!({ "reason": reason })
        }
        Event::Fact(fact) => of_fact(fact),
    }
}

/// The summary of a purchase that contradicts an earlier one of the same id.
#[must_use]
pub fn conflict(purchase: &Purchase, content_hash: &str, first_content_hash: &str) -> Value {
    let mut summary = of_purchase(purchase);
    summary["content_hash"] = json!(content_hash);
    summary["first_content_hash"] = json!(first_content_hash);
    summary
}

fn of_purchase(purchase: &Purchase) -> Value {
    let lines: Vec<Value> = purchase
        .lines
        .iter()
        .take(LINES_LISTED)
        .map(|line| {
            json!({
                "line_no": line.line_no,
                "item_id": line.item_id,
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "tax_minor": line.tax_minor,
                "gift_wrap": line.gift_wrap,
            })
        })
        .collect();
    let tenders: Vec<Value> = (purchase.tenders.iter())
        .map(|tender| json!({ "kind": tender.kind, "amount_minor": tender.amount_minor }))
        .collect();
    json!({
        "total_minor": purchase.total_minor(),
        "shipping_minor": purchase.shipping_minor,
        "currency": purchase.currency,
        "channel": purchase.channel,
        "delivery_tier": purchase.delivery_tier,
        "line_count": purchase.lines.len(),
        "lines": lines,
        "tenders": tenders,
    })
}

fn of_fact(fact: &Fact) -> Value {
    match fact {
        Fact::PaymentAuthorised(fact) => {
            money(fact.amount_minor, &fact.currency, &fact.provider_ref)
        }
        Fact::PaymentCaptured(fact) => money(fact.amount_minor, &fact.currency, &fact.provider_ref),
        Fact::PaymentRefunded(fact) => {
            let mut summary = money(fact.amount_minor, &fact.currency, &fact.provider_ref);
            summary["reason"] = json!(fact.reason);
            summary
        }
        Fact::PaymentDeclined(fact) => json!({ "reason": fact.reason }),
        Fact::PaymentVoided(fact) => json!({ "reason": fact.reason }),
        Fact::CaptureFailed(fact) => json!({ "reason": fact.reason, "attempts": fact.attempts }),
        Fact::StockReserved(fact) => {
            json!({ "lines": lines(&fact.lines), "expires_at": fact.expires_at })
        }
        Fact::StockRejected(fact) => json!({ "lines": lines(&fact.lines) }),
        Fact::StockReleased(fact) => json!({ "reason": fact.reason }),
        Fact::ReservationExpired(_) => json!({}),
        Fact::StockCommitted(fact) => json!({ "shipment_id": fact.shipment_id }),
        Fact::ShipmentRequested(fact) => json!({
            "shipment_id": fact.shipment_id,
            "ship_by": fact.ship_by,
            "deliver_by": fact.deliver_by,
        }),
        Fact::ShipmentHandedOver(fact) => {
            json!({ "shipment_id": fact.shipment_id, "carrier": fact.carrier })
        }
        Fact::DispatchAtRisk(fact) => {
            json!({ "ship_by": fact.ship_by, "waiting_for": fact.waiting_for })
        }
        Fact::PurchaseCancelled(fact) => json!({ "reason": fact.reason }),
        Fact::StockReceived(fact) => json!({ "sku": fact.sku, "quantity": fact.quantity }),
        Fact::StockAdjusted(fact) => {
            json!({ "sku": fact.sku, "quantity_change": fact.quantity_change })
        }
    }
}

fn money(amount_minor: i64, currency: &str, provider_ref: &str) -> Value {
    json!({ "amount_minor": amount_minor, "currency": currency, "provider_ref": provider_ref })
}

fn lines(lines: &[ReservedLine]) -> Value {
    let listed: Vec<Value> = (lines.iter().take(LINES_LISTED))
        .map(|line| json!({ "line_no": line.line_no, "sku": line.sku, "quantity": line.quantity }))
        .collect();
    json!(listed)
}
