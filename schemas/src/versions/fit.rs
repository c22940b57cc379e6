//! Which versions can say all of a purchase, and which readers understand a record of it.
//!
//! Compatible bytes are not compatible meaning: a reader of version 1 decodes a basket and would
//! charge for one item of it. Separate because writer and reader must agree on this one rule.
//! Where a purchase was sold bears no load, so a version without it still says all that matters.

use crate::domain::{DeliveryTier, Purchase, TenderKind};

/// The lowest version that says everything of a valid purchase that anybody acts on.
#[must_use]
pub fn lowest_version(purchase: &Purchase) -> u32 {
    let ([line], [tender]) = (purchase.lines.as_slice(), purchase.tenders.as_slice()) else {
        return 3;
    };
    if line.gift_wrap || tender.kind != TenderKind::Card {
        return 3;
    }
    let one_plain_item = line.quantity == 1 && line.tax_minor == 0 && purchase.shipping_minor == 0;
    let tier_is_what_prime_says = matches!(
        purchase.delivery_tier,
        DeliveryTier::Standard | DeliveryTier::TwoDay
    );
    if one_plain_item && tier_is_what_prime_says && tender.reference.is_none() {
        1
    } else {
        2
    }
}

/// The lowest reader version that understands a purchase written at `version`, and would do
/// nothing wrong with it.
///
/// Version 3 states the fields of versions 1 and 2 either for all older readers or for none, so
/// that a purchase which only version 2 would understand asks for reader 3.
#[must_use]
pub fn min_reader(purchase: &Purchase, version: u32) -> u32 {
    match (version, lowest_version(purchase)) {
        (_, 1) => 1,
        (version, _) => version,
    }
}
