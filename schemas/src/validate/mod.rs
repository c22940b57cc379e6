//! Whether acting on an event would be right: every value of it, and how they agree.
//!
//! Separate from decoding because valid Avro says nothing of sense: a defaulted field, swapped
//! fields of one type, sums that do not add up. Pure; the latest allowed time is an argument.
//! Details name fields and limits, never contents. Producers check with the same functions before
//! they publish.

mod fact;
mod purchase;
mod text;

pub use fact::{cancellation, fact};
pub(crate) use purchase::stated_totals;
pub use purchase::{
    AMOUNT_MINOR_MAX, CARD_MINOR_MAX, INSTRUCTIONS_CHARS_MAX, LINES_MAX, QUANTITY_MAX, TENDERS_MAX,
    TOTAL_MINOR_MAX, card_minor_max, purchase,
};
pub use text::{ID_CHARS_MAX, id};

use crate::Refused;
use crate::domain::Event;

/// 2000-01-01 in microseconds: no event is older.
pub const OLDEST: i64 = 946_684_800_000_000;
/// 2100-01-01 in microseconds: no event is younger, whatever the clock says.
pub const YOUNGEST: i64 = 4_102_444_800_000_000;
/// How far an event may be ahead of the clock that it is judged by.
pub const AHEAD_MAX_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// The times that an event may have happened at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    latest: i64,
}

impl Times {
    /// Any time from 2000 to 2100: for when no clock is at hand.
    #[must_use]
    pub fn of_this_century() -> Self {
        Self { latest: YOUNGEST }
    }

    /// From 2000 to one day after a clock's time, in microseconds since the epoch. A clock that
    /// is itself out of the century is not believed.
    #[must_use]
    pub fn known_by(clock: i64) -> Self {
        if (OLDEST..YOUNGEST).contains(&clock) {
            Self {
                latest: clock + AHEAD_MAX_MICROS,
            }
        } else {
            Self::of_this_century()
        }
    }

    pub(crate) fn check(self, field: &'static str, micros: i64) -> Result<(), Refused> {
        if (OLDEST..=self.latest).contains(&micros) {
            return Ok(());
        }
        let expected = "microseconds since 1970, from 2000 to one day after the record's own time";
        Err(Refused::values(
            "invalid_time",
            format!("{field}: expected {expected}"),
        ))
    }
}

/// Checks any event.
///
/// # Errors
/// [`Refused::Poison`] with the first fault found.
pub fn event(event: &Event, times: Times) -> Result<(), Refused> {
    match event {
        Event::Purchase(value) => purchase(value, times),
        Event::CancellationRequested(value) => cancellation(value, times),
        Event::Fact(value) => fact(value, times),
    }
}
