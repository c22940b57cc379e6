//! What the topics of a shard still tell. Records go when their time is over; what is compared with
//! them is compared as far as they reach back, by its own time, and what can be proved no more is
//! said.

use std::collections::BTreeMap;

use schemas::topics;

use crate::case::Case;

/// Around the oldest record that is left, times of different topics and clocks are not compared to
/// the minute: what is within a day of it may or may not be gone.
const LATITUDE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Of the topics that have lost records: when the broker had the oldest one that is left; the end of
/// time when none is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(BTreeMap<&'static str, i64>);

impl Kept {
    /// Notes that a topic has lost records, and what it has left.
    pub(crate) fn only_since(&mut self, topic: &'static str, oldest: Option<i64>) {
        self.0.insert(topic, oldest.unwrap_or(i64::MAX));
    }

    /// Whether a record that was published after `at` must still be there.
    pub(crate) fn must_hold(&self, topic: &str, at: i64) -> bool {
        self.0.get(topic).is_none_or(|oldest| at > *oldest)
    }

    /// Whether a record of something that became known at `at` must still be there: it had been
    /// published before, and not long before.
    pub(crate) fn must_hold_what_led_to(&self, topic: &str, at: i64) -> bool {
        self.must_hold(topic, at.saturating_sub(LATITUDE_MICROS))
    }

    /// Whether every record about a purchase must still be there. They follow the purchase, or come
    /// not long before it.
    pub(crate) fn tells_all_of(&self, case: &Case) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let purchase = case.bought.as_ref().map(|bought| bought.at.recorded_at);
        if purchase.is_none() && self.0.contains_key(topics::PURCHASES) {
            return false;
        }
        let Some(since) = purchase.or_else(|| case.since()) else {
            return false;
        };
        let mut of_purchases = self.0.keys().filter(|topic| **topic != topics::STOCK);
        of_purchases.all(|topic| self.must_hold_what_led_to(topic, since))
    }

    /// Whether the record of the purchase itself may be gone: a group has known it for so long.
    pub(crate) fn may_have_lost_the_purchase_of(&self, case: &Case) -> bool {
        let payment = case.payment.as_ref().map(|row| row.created_at);
        let dispatch = case.dispatch.as_ref().map(|row| row.created_at);
        let known_since = payment.into_iter().chain(dispatch).min();
        known_since.is_some_and(|at| !self.must_hold_what_led_to(topics::PURCHASES, at))
    }

    /// Whether everything that happened since `at` must still be there, on whatever topic.
    pub(crate) fn tells_all_since(&self, at: i64) -> bool {
        (self.0.keys()).all(|topic| self.must_hold_what_led_to(topic, at))
    }
}

#[cfg(test)]
mod tests {
    use schemas::topics::{PAYMENTS, PURCHASES};

    use super::{Kept, LATITUDE_MICROS};
    use crate::checks::tests as given;

    const DAY: i64 = LATITUDE_MICROS;

    fn kept_since_day(topic: &'static str, day: i64) -> Kept {
        let mut kept = Kept::default();
        kept.only_since(topic, Some(day * DAY));
        kept
    }

    #[test]
    fn yesterday_is_proved_although_ninety_days_ago_is_gone() {
        let kept = kept_since_day(PAYMENTS, 10);
        assert!(kept.must_hold(PAYMENTS, 90 * DAY));
        assert!(!kept.must_hold(PAYMENTS, 9 * DAY));
        assert!(kept.must_hold(PURCHASES, 0), "that topic has lost nothing");
        let mut case = given::case();
        case.bought.as_mut().unwrap().at.recorded_at = 90 * DAY;
        assert!(kept.tells_all_of(&case));
        case.bought.as_mut().unwrap().at.recorded_at = 10 * DAY;
        assert!(!kept.tells_all_of(&case));
        assert!(kept.tells_all_since(12 * DAY) && !kept.tells_all_since(10 * DAY));
    }

    #[test]
    fn a_purchase_that_nobody_has_known_for_long_was_never_there() {
        let kept = kept_since_day(PURCHASES, 10);
        let mut case = given::case();
        case.bought = None;
        for (known_since, may_be_gone) in [(9, true), (10, true), (12, false)] {
            case.payment.as_mut().unwrap().created_at = known_since * DAY;
            case.dispatch.as_mut().unwrap().created_at = known_since * DAY;
            assert_eq!(kept.may_have_lost_the_purchase_of(&case), may_be_gone);
        }
        assert!(!Kept::default().may_have_lost_the_purchase_of(&case));
    }

    #[test]
    fn a_topic_with_nothing_left_proves_nothing() {
        let mut kept = Kept::default();
        kept.only_since(PAYMENTS, None);
        assert!(!kept.must_hold(PAYMENTS, 90 * DAY));
        assert!(!kept.tells_all_of(&given::case()));
    }
}
