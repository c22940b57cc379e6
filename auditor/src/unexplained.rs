//! What is not explained yet: how much of it there is, and what has waited longest for what.
//!
//! Separate from the promises: what is under way is no breach, but it has an age, and an age that
//! grows is what somebody must look at.

use serde::Serialize;

/// Something that has not come to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The purchase; or the group and partition that has unread records.
    pub subject: String,
    /// When the broker had the first record about it, microseconds since the epoch.
    pub since: i64,
    /// What it waits for, in one line.
    pub waits_for: String,
}

impl Waiting {
    /// How long it has waited, microseconds.
    #[must_use]
    pub fn age_micros(&self, now: i64) -> i64 {
        now.saturating_sub(self.since).max(0)
    }
}

/// Everything that has not come to an end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unexplained {
    /// How many purchases.
    pub purchases: i64,
    /// What has waited longest; a purchase before a partition of the same age.
    pub oldest: Option<Waiting>,
}

impl Unexplained {
    /// Adds a purchase.
    pub(crate) fn purchase(&mut self, purchase_id: &str, since: i64, waits_for: &str) {
        self.purchases += 1;
        if self
            .oldest
            .as_ref()
            .is_none_or(|oldest| since <= oldest.since)
        {
            self.oldest = Some(Waiting {
                subject: purchase_id.to_owned(),
                since,
                waits_for: waits_for.to_owned(),
            });
        }
    }

    /// Adds records that a group has not read, whatever they are about.
    pub(crate) fn unread(&mut self, subject: &str, since: i64, records: i64) {
        if self
            .oldest
            .as_ref()
            .is_none_or(|oldest| since < oldest.since)
        {
            self.oldest = Some(Waiting {
                subject: subject.to_owned(),
                since,
                waits_for: format!("{records} records unread"),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unexplained;

    #[test]
    fn the_oldest_is_named_and_a_purchase_before_its_partition() {
        let mut open = Unexplained::default();
        open.unread("payment shop.purchases.v1[0]", 5, 2);
        open.purchase("young", 9, "payment");
        open.purchase("old", 5, "inventory");
        open.unread("inventory shop.stock.v1[0]", 5, 1);
        let oldest = open.oldest.unwrap();
        assert_eq!((open.purchases, oldest.subject.as_str()), (2, "old"));
        assert_eq!((oldest.age_micros(12), oldest.age_micros(1)), (7, 0));
    }
}
