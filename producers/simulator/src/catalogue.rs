//! What the simulated shops sell. Fixed, so that whoever fills the shelves knows what to fill.

/// Items that are expected to be in stock: their ids count up from here.
const FIRST_STOCKED: i64 = 2_341_000;
/// How many of them there are.
pub const STOCKED_ITEMS: i64 = 200;
/// Items that are on no shelf.
const FIRST_MISSING: i64 = 9_990_000;
/// How many of those there are.
pub const MISSING_ITEMS: i64 = 10;

/// Payment methods that the provider declines, by its own names; the last one it does not know.
pub const DECLINED: [&str; 6] = [
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedLostCard",
    "pm_card_chargeDeclinedExpiredCard",
    "pm_card_chargeDeclinedProcessingError",
    "pm_card_of_nobody",
];

/// The SKUs to fill before a run.
pub fn stocked_skus() -> impl Iterator<Item = String> {
    (FIRST_STOCKED..FIRST_STOCKED + STOCKED_ITEMS).map(|item| item.to_string())
}

/// The `rank`-th most wanted item and its price, minor units.
pub(crate) fn stocked(rank: i64) -> (i64, i64) {
    let item = FIRST_STOCKED + rank % STOCKED_ITEMS;
    (item, 199 + (item * 7_919) % 30_000)
}

/// An item that is on no shelf, and its price.
pub(crate) fn missing(number: i64) -> (i64, i64) {
    let item = FIRST_MISSING + number % MISSING_ITEMS;
    (item, 4_999)
}
