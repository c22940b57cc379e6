//! The times that dispatch keeps, and what they mean for one purchase.

use std::time::Duration;

use runtime::Timestamp;
use schemas::domain::DeliveryTier;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long things may take. [`Deadlines::default`] is what the shop promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// How long answers of payment and inventory are waited for, from when dispatch first hears of
    /// the purchase. Default 15 min. Not from when it was bought: a purchase that was accepted
    /// during an outage would be cancelled on arrival.
    pub answers: Duration,
    /// From purchase to delivery, standard. Default 5 days.
    pub standard: Duration,
    /// From purchase to delivery in two days.
    pub two_day: Duration,
    /// From purchase to delivery the next day. Default 1 day.
    pub next_day: Duration,
    /// How long the carrier takes. Default 1 day.
    pub transit: Duration,
    /// From purchase to the carrier for the next day. Default 12 h.
    pub next_day_ship: Duration,
    /// How long after the hand-over a cancellation is granted, as a return. Default 14 days, the
    /// time for withdrawal of directive 2011/83/EU, article 9. Zero grants none: it is too late.
    pub return_window: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            answers: HOUR / 4,
            standard: 5 * 24 * HOUR,
            two_day: 2 * 24 * HOUR,
            next_day: 24 * HOUR,
            transit: 24 * HOUR,
            next_day_ship: 12 * HOUR,
            return_window: 14 * 24 * HOUR,
        }
    }
}

impl Deadlines {
    /// Until when answers are waited for.
    #[must_use]
    pub fn answers_due_at(&self, first_heard_at: Timestamp) -> Timestamp {
        later(first_heard_at, self.answers)
    }

    /// Whether goods come back that were handed over at one time and not wanted from another on. A
    /// request from before the hand-over that was overtaken by it counts.
    #[must_use]
    pub fn may_return(&self, handed_over_at: Timestamp, asked_at: Timestamp) -> bool {
        self.grants_returns() && asked_at <= later(handed_over_at, self.return_window)
    }

    /// Whether goods come back at all.
    #[must_use]
    pub fn grants_returns(&self) -> bool {
        !self.return_window.is_zero()
    }

    /// Ship-by and deliver-by of a purchase; none for a tier that this build does not know.
    #[must_use]
    pub fn of(
        &self,
        tier: DeliveryTier,
        purchased_at: Timestamp,
    ) -> Option<(Timestamp, Timestamp)> {
        let by_transit = |to_deliver: Duration| {
            let to_ship = to_deliver.saturating_sub(self.transit);
            (
                later(purchased_at, to_ship),
                later(purchased_at, to_deliver),
            )
        };
        match tier {
            DeliveryTier::Standard => Some(by_transit(self.standard)),
            DeliveryTier::TwoDay => Some(by_transit(self.two_day)),
            DeliveryTier::NextDay => Some((
                later(purchased_at, self.next_day_ship),
                later(purchased_at, self.next_day),
            )),
            DeliveryTier::Unknown => None,
        }
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

/// The word of a tier, as the carrier is told it.
#[must_use]
pub fn tier_word(tier: DeliveryTier) -> &'static str {
    match tier {
        DeliveryTier::Standard => "standard",
        DeliveryTier::TwoDay => "two_day",
        DeliveryTier::NextDay => "next_day",
        DeliveryTier::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use schemas::domain::DeliveryTier;

    use super::Deadlines;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn each_tier_has_its_times() {
        let of = |tier| Deadlines::default().of(tier, 0);
        assert_eq!(of(DeliveryTier::Standard), Some((96 * HOUR, 120 * HOUR)));
        assert_eq!(of(DeliveryTier::TwoDay), Some((24 * HOUR, 48 * HOUR)));
        assert_eq!(of(DeliveryTier::NextDay), Some((12 * HOUR, 24 * HOUR)));
        assert_eq!(of(DeliveryTier::Unknown), None);
    }

    #[test]
    fn goods_come_back_within_the_window_alone() {
        let deadlines = Deadlines::default();
        let last = 14 * 24 * HOUR;
        assert!(deadlines.may_return(0, -1) && deadlines.may_return(0, last));
        assert!(!deadlines.may_return(0, last + 1));
        let never = Deadlines {
            return_window: std::time::Duration::ZERO,
            ..deadlines
        };
        assert!(!never.may_return(0, 0));
    }

    #[test]
    fn a_time_at_the_end_of_time_does_not_overflow() {
        assert_eq!(Deadlines::default().answers_due_at(i64::MAX), i64::MAX);
    }
}
