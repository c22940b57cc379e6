//! A purchase out of its JSON: which fields it has, and what each may be. Pure.

mod fields;
#[cfg(test)]
mod tests;

use schemas::domain::{Channel, DeliveryTier, Line, Purchase, Tender, TenderKind};
use schemas::validate;
use serde_json::Value;

use crate::problem::FieldError;
use fields::{Faults, Fields};

/// Who, which and when: what does not come from the body.
pub(crate) struct Origin<'a> {
    pub(crate) purchase_id: &'a str,
    /// Microseconds since the epoch.
    pub(crate) now: i64,
    pub(crate) written_version: u8,
}

/// Reads a purchase out of a body.
pub(crate) fn purchase(body: &Value, origin: &Origin<'_>) -> Result<Purchase, Vec<FieldError>> {
    let mut faults = Faults::default();
    let Some(mut fields) = Fields::of(body, "", &mut faults) else {
        return Err(faults.0);
    };
    let customer_id = fields.text("customer_id", &mut faults);
    let currency = fields.text("currency", &mut faults);
    let purchase = Purchase {
        event_id: schemas::ids::derived(origin.purchase_id, "storefront.purchased"),
        purchase_id: origin.purchase_id.to_owned(),
        customer_id,
        occurred_at: origin.now,
        channel: fields.choice("channel", Some(Channel::Web), &CHANNELS, &mut faults),
        delivery_tier: fields.choice(
            "delivery_tier",
            Some(DeliveryTier::Standard),
            &TIERS,
            &mut faults,
        ),
        lines: lines(&mut fields, &mut faults),
        shipping_minor: fields.amount("shipping_minor", Some(0), &mut faults),
        tenders: tenders(&mut fields, &currency, &mut faults),
        currency,
        instructions: fields.optional_text("instructions", &mut faults),
        written_version: origin.written_version,
    };
    fields.refuse_the_rest(&mut faults);
    if !faults.0.is_empty() {
        return Err(faults.0);
    }
    // The last word is the readers': what they would set aside is not accepted.
    let times = validate::Times::known_by(origin.now);
    validate::purchase(&purchase, times).map_err(|refused| vec![of_refused(&refused)])?;
    Ok(purchase)
}

/// A reader's refusal, as a field error.
pub(crate) fn of_refused(refused: &schemas::Refused) -> FieldError {
    match refused {
        schemas::Refused::Poison { reason, detail, .. } => FieldError {
            field: String::new(),
            code: reason,
            detail: detail.clone(),
        },
        other => FieldError {
            field: String::new(),
            code: "invalid",
            detail: other.to_string(),
        },
    }
}

const CHANNELS: [(&str, Channel); 3] = [
    ("WEB", Channel::Web),
    ("APP", Channel::App),
    ("STORE", Channel::Store),
];
const TIERS: [(&str, DeliveryTier); 3] = [
    ("STANDARD", DeliveryTier::Standard),
    ("TWO_DAY", DeliveryTier::TwoDay),
    ("NEXT_DAY", DeliveryTier::NextDay),
];
const KINDS: [(&str, TenderKind); 2] = [
    ("CARD", TenderKind::Card),
    ("GIFT_CARD", TenderKind::GiftCard),
];

fn lines(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, item) in fields.list("lines", validate::LINES_MAX, faults) {
        let Some(mut line) = Fields::of(item, &at, faults) else {
            continue;
        };
        let quantity = line.whole(
            "quantity",
            Some(1),
            1..=i64::from(validate::QUANTITY_MAX),
            faults,
        );
        lines.push(Line {
            line_no: i32::try_from(lines.len() + 1).expect("lines are bounded"),
            item_id: line.whole("item_id", None, 1..=i64::MAX, faults),
            quantity: i32::try_from(quantity).expect("its range was checked"),
            unit_price_minor: line.amount("unit_price_minor", None, faults),
            tax_minor: line.amount("tax_minor", Some(0), faults),
            gift_wrap: line.flag("gift_wrap", faults),
        });
        line.refuse_the_rest(faults);
    }
    lines
}

fn tenders(fields: &mut Fields<'_>, currency: &str, faults: &mut Faults) -> Vec<Tender> {
    let mut tenders = Vec::new();
    for (at, item) in fields.list("tenders", validate::TENDERS_MAX, faults) {
        let Some(mut tender) = Fields::of(item, &at, faults) else {
            continue;
        };
        let kind = tender.choice("kind", None, &KINDS, faults);
        let most = match kind {
            TenderKind::Card => validate::card_minor_max(currency),
            _ => validate::TOTAL_MINOR_MAX,
        };
        tenders.push(Tender {
            kind,
            amount_minor: tender.whole("amount_minor", None, 1..=most, faults),
            reference: tender.optional_text("ref", faults),
        });
        tender.refuse_the_rest(faults);
    }
    tenders
}
