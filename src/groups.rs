//! The consumer groups, for commands that concern any of them: names, tables, dead letters.

use clap::ValueEnum;
use runtime::store::Migration;

/// A consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum GroupName {
    /// Holds, takes and gives back money.
    Payment,
    /// Reserves and commits stock.
    Inventory,
    /// Joins the answers, ships and cancels.
    Dispatch,
    /// Counts in windows of event time.
    Analytics,
    /// Shows every fact of every purchase.
    Timeline,
}

impl GroupName {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Payment,
        Self::Inventory,
        Self::Dispatch,
        Self::Analytics,
        Self::Timeline,
    ];

    /// The name of the group in Kafka, of its database, and of its command.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Inventory => "inventory",
            Self::Dispatch => "dispatch",
            Self::Analytics => "analytics",
            Self::Timeline => "timeline",
        }
    }

    /// Its tables, besides those of the runtime.
    #[must_use]
    pub fn migrations(self) -> &'static [Migration] {
        match self {
            Self::Payment => payment::MIGRATIONS,
            Self::Inventory => inventory::MIGRATIONS,
            Self::Dispatch => dispatch::MIGRATIONS,
            Self::Analytics => analytics::MIGRATIONS,
            Self::Timeline => timeline::MIGRATIONS,
        }
    }

    /// Where it publishes what it sets aside.
    #[must_use]
    pub fn dead_letter_topic(self) -> String {
        format!("shop.{}.dead-letters.v1", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use runtime::Group;

    use super::GroupName;

    #[test]
    fn a_group_has_one_name_everywhere() {
        let names = [
            payment::PaymentGroup::NAME,
            inventory::InventoryGroup::NAME,
            dispatch::DispatchGroup::NAME,
            analytics::Analytics::NAME,
            timeline::Timeline::NAME,
        ];
        assert_eq!(GroupName::ALL.map(GroupName::as_str), names);
        for group in GroupName::ALL {
            let config = runtime::Config::new("localhost:1", group.as_str());
            assert_eq!(config.dead_letter_topic, group.dead_letter_topic());
        }
    }
}
