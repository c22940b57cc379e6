//! What a purchase must be before anybody is charged for it.

use super::{Times, text};
use crate::Refused;
use crate::currency;
use crate::domain::{DeliveryTier, Line, Purchase, TenderKind};
use crate::versions::v3::PurchaseV3;

/// Lines of one purchase.
pub const LINES_MAX: usize = 1_000;
/// Tenders of one purchase.
pub const TENDERS_MAX: usize = 20;
/// Pieces in one line.
pub const QUANTITY_MAX: i32 = 10_000;
/// A price, a tax or shipping, minor units: a thousand million of a currency with two digits.
pub const AMOUNT_MINOR_MAX: i64 = 100_000_000_000;
/// A total, minor units.
pub const TOTAL_MINOR_MAX: i64 = 1_000_000_000_000_000;
/// The card's part of a purchase, minor units, in most currencies: the most that Stripe takes in one
/// payment, eight digits (<https://docs.stripe.com/currencies>, "Minimum and maximum charge
/// amounts"). See [`card_minor_max`].
///
/// It is no setting: every group judges for itself, and of a purchase that some of them set aside
/// and others act on the goods would be held, and the money never asked for. The least that is
/// taken depends on the currency in which the provider's account is paid out, so that is for the
/// provider to say: it declines.
pub const CARD_MINOR_MAX: i64 = 99_999_999;

/// [`CARD_MINOR_MAX`] of a currency: of Indonesian rupiah twelve digits are taken.
#[must_use]
pub fn card_minor_max(currency: &str) -> i64 {
    match currency {
        "IDR" => 999_999_999_999,
        _ => CARD_MINOR_MAX,
    }
}

/// Characters of the instructions.
pub const INSTRUCTIONS_CHARS_MAX: usize = 2_000;

/// Checks a purchase.
///
/// # Errors
/// [`Refused::Poison`] with the first fault found.
pub fn purchase(purchase: &Purchase, times: Times) -> Result<(), Refused> {
    text::id("invalid_event_id", "event_id", &purchase.event_id)?;
    text::id("invalid_purchase_id", "purchase_id", &purchase.purchase_id)?;
    text::id("invalid_customer_id", "customer_id", &purchase.customer_id)?;
    times.check("occurred_at", purchase.occurred_at)?;
    if currency::minor_digits(&purchase.currency).is_none() {
        return Err(Refused::values(
            "invalid_currency",
            "currency is not an ISO 4217 code in use",
        ));
    }
    if purchase.delivery_tier == DeliveryTier::Unknown {
        return Err(Refused::values(
            "invalid_tier",
            "delivery_tier is not stated or not known",
        ));
    }
    if let Some(instructions) = &purchase.instructions {
        let chars_max = INSTRUCTIONS_CHARS_MAX;
        text::free_text(
            "invalid_instructions",
            "instructions",
            instructions,
            chars_max,
        )?;
    }
    amount("shipping_minor", purchase.shipping_minor)?;
    lines(&purchase.lines)?;
    let total = total_of(purchase);
    if !(1..=i128::from(TOTAL_MINOR_MAX)).contains(&total) {
        return Err(Refused::values(
            "invalid_amount",
            format!("the total is not from 1 to {TOTAL_MINOR_MAX} minor units"),
        ));
    }
    tenders(purchase, total)
}

/// The total without overflow, whatever the purchase holds.
fn total_of(purchase: &Purchase) -> i128 {
    let lines: i128 = (purchase.lines.iter())
        .map(|line| {
            i128::from(line.unit_price_minor) * i128::from(line.quantity)
                + i128::from(line.tax_minor)
        })
        .sum();
    lines + i128::from(purchase.shipping_minor)
}

fn lines(lines: &[Line]) -> Result<(), Refused> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(Refused::values(
            "invalid_lines",
            format!("{} lines; expected 1 to {LINES_MAX}", lines.len()),
        ));
    }
    for (line_no, line) in (1..).zip(lines) {
        if line.line_no != line_no {
            return Err(Refused::values(
                "invalid_lines",
                "line_no does not count 1, 2, 3, ...",
            ));
        }
        if line.item_id < 1 {
            let detail = format!("line {line_no}: item_id is below 1");
            return Err(Refused::values("invalid_item_id", detail));
        }
        if !(1..=QUANTITY_MAX).contains(&line.quantity) {
            let detail = format!("line {line_no}: quantity is not from 1 to {QUANTITY_MAX}");
            return Err(Refused::values("invalid_quantity", detail));
        }
        amount("unit_price_minor", line.unit_price_minor)?;
        amount("tax_minor", line.tax_minor)?;
    }
    Ok(())
}

fn tenders(purchase: &Purchase, total: i128) -> Result<(), Refused> {
    let tenders = &purchase.tenders;
    if tenders.is_empty() || tenders.len() > TENDERS_MAX {
        return Err(Refused::values(
            "invalid_tenders",
            format!("{} tenders; expected 1 to {TENDERS_MAX}", tenders.len()),
        ));
    }
    for tender in tenders {
        if tender.kind == TenderKind::Unknown {
            return Err(Refused::values(
                "invalid_tenders",
                "a tender's kind is not known",
            ));
        }
        if tender.amount_minor < 1 {
            return Err(Refused::values(
                "invalid_amount",
                "a tender's amount is below 1",
            ));
        }
        let most = card_minor_max(&purchase.currency);
        if tender.kind == TenderKind::Card && tender.amount_minor > most {
            return Err(Refused::values(
                "card_amount_too_large",
                format!("tenders: amount_minor of the card is above {most}"),
            ));
        }
        text::optional_id(
            "invalid_tenders",
            "a tender's ref",
            tender.reference.as_deref(),
        )?;
    }
    // One authorisation is made per purchase, for all of the card's part.
    if tenders
        .iter()
        .filter(|tender| tender.kind == TenderKind::Card)
        .count()
        > 1
    {
        return Err(Refused::values("invalid_tenders", "more than one card"));
    }
    let sum: i128 = tenders
        .iter()
        .map(|tender| i128::from(tender.amount_minor))
        .sum();
    if sum != total {
        return Err(Refused::values(
            "total_mismatch",
            "the tenders do not add up to the total",
        ));
    }
    Ok(())
}

fn amount(field: &'static str, minor: i64) -> Result<(), Refused> {
    if (0..=AMOUNT_MINOR_MAX).contains(&minor) {
        return Ok(());
    }
    let detail = format!("{field} is not from 0 to {AMOUNT_MINOR_MAX} minor units");
    Err(Refused::values("invalid_amount", detail))
}

/// Checks that what version 3 states twice is stated alike: its totals, and the fields of older
/// versions. The purchase must be valid already, so that the sums fit.
pub(crate) fn stated_totals(stated: &PurchaseV3) -> Result<(), Refused> {
    let totals = stated.totals;
    let items: i128 = (stated.lines.iter())
        .map(|line| i128::from(line.unit_price_minor) * i128::from(line.quantity))
        .sum();
    let tax: i128 = stated
        .lines
        .iter()
        .map(|line| i128::from(line.tax_minor))
        .sum();
    let total = items + tax + i128::from(totals.shipping_minor);
    if i128::from(totals.items_minor) != items
        || i128::from(totals.tax_minor) != tax
        || i128::from(totals.total_minor) != total
    {
        return Err(Refused::values(
            "total_mismatch",
            "the totals are not the sums of the lines",
        ));
    }
    if !stated.old_fields_are_unstated() && !stated.old_fields_say_the_same() {
        return Err(Refused::values(
            "old_fields_mismatch",
            "item_id and its like of versions 1 and 2 are stated and contradict the lines",
        ));
    }
    Ok(())
}
