//! Which dead letters are meant: the filters that list and redrive share, and the queries.

use clap::Args;
use runtime::store::{Cells, Statement, StoreError, Transaction};

use crate::{config, rows};

runtime::table! {
    /// A dead letter without its content, as it is listed.
    #[allow(unreachable_pub, reason = "the macro makes tables public")]
    pub struct Letter in "dead_letters" {
        key {
            /// `topic[partition]@offset`, or `task:<id>`, `timer:<id>`.
            dead_letter_id: String,
        }
        /// The topic it came from; empty for an answer or a timer.
        topic: String,
        /// The partition it came from.
        partition: i32,
        /// The offset it came from.
        record_offset: i64,
        /// Its key.
        record_key: Option<Vec<u8>>,
        /// Why: a bounded word.
        reason: String,
        /// Why: for a person.
        detail: String,
        /// At which step.
        stage: String,
        /// When it was first set aside, microseconds.
        first_failed_at: i64,
        /// When it was last set aside, microseconds.
        last_failed_at: i64,
        /// How often it was redriven and came back.
        redrives: i64,
        /// `set_aside`, `redrive` or `redriven`.
        state: String,
    }
}

runtime::table! {
    /// How many dead letters have a reason and a state.
    #[derive(serde::Serialize)]
    #[allow(unreachable_pub, reason = "the macro makes tables public")]
    pub struct Count in "dead_letters" {
        key {
            /// Why they were set aside.
            reason: String,
            /// What became of them.
            state: String,
        }
        /// How many.
        count: i64,
    }
}

/// Which dead letters are meant: those that every given filter fits.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Filters {
    /// Only those set aside for this reason, such as conflicting_duplicate
    #[arg(long)]
    pub(super) reason: Option<String>,
    /// Only those from this topic
    #[arg(long)]
    pub(super) topic: Option<String>,
    /// Only those with this key: the purchase id, or the SKU
    #[arg(long)]
    pub(super) key: Option<String>,
    /// Only those set aside since: a time such as 2026-11-21T04:00:00Z, or how long ago such as 2h
    #[arg(long, value_parser = Since::parse)]
    pub(super) since: Option<Since>,
}

/// A point in time, or a way back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    At(i64),
    Ago(i64),
}

impl Since {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ago) = config::parse_duration(text) {
            return Ok(Self::Ago(
                i64::try_from(ago.as_micros()).unwrap_or(i64::MAX),
            ));
        }
        let at: Result<jiff::Timestamp, _> = text.parse();
        at.map(|at| Self::At(at.as_microsecond()))
            .map_err(|_| "expected a time such as 2026-11-21T04:00:00Z or 2h".to_owned())
    }

    fn micros(self, now: i64) -> i64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.saturating_sub(ago),
        }
    }
}

/// In which order dead letters are given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// As their records stood on their topics.
    OfRecords,
    /// Latest first.
    Latest,
}

const WHERE_POSTGRES: &str = "\
    (($1::text[])[1] IS NULL OR reason = ($1::text[])[1]) \
    AND (($2::text[])[1] IS NULL OR topic = ($2::text[])[1]) \
    AND (($3::bytea[])[1] IS NULL OR record_key = ($3::bytea[])[1]) \
    AND (($4::bigint[])[1] IS NULL OR last_failed_at >= ($4::bigint[])[1]) \
    AND (($5::text[])[1] IS NULL OR state = ($5::text[])[1])";
const WHERE_SQLITE: &str = "\
    (?1 IS NULL OR reason = ?1) AND (?2 IS NULL OR topic = ?2) \
    AND (?3 IS NULL OR record_key = ?3) AND (?4 IS NULL OR last_failed_at >= ?4) \
    AND (?5 IS NULL OR state = ?5)";

impl Filters {
    /// Whether no filter is given.
    pub(super) fn is_open(&self) -> bool {
        self.reason.is_none() && self.topic.is_none() && self.key.is_none() && self.since.is_none()
    }

    /// Those that fit, at most `limit`.
    pub(super) async fn select(
        &self,
        transaction: &mut dyn Transaction,
        now: i64,
        state: Option<&str>,
        (order, limit): (Order, i64),
    ) -> Result<Vec<Letter>, StoreError> {
        let columns = rows::columns::<Letter>();
        let order = match order {
            Order::OfRecords => "topic, partition, record_offset",
            Order::Latest => "last_failed_at DESC, dead_letter_id",
        };
        let text = |condition: &str, limit: &str| {
            format!(
                "SELECT {columns} FROM dead_letters WHERE {condition} \
                 ORDER BY {order} LIMIT {limit}"
            )
        };
        let statement = Statement::new(
            text(WHERE_POSTGRES, "($6::bigint[])[1]"),
            text(WHERE_SQLITE, "?6"),
        );
        let mut parameters = self.parameters(now, state);
        parameters.push(Cells::longs([limit]));
        rows::query(transaction, &statement, parameters).await
    }

    /// How many fit, by reason and state, most first.
    pub(super) async fn counts(
        &self,
        transaction: &mut dyn Transaction,
        now: i64,
        state: Option<&str>,
    ) -> Result<Vec<Count>, StoreError> {
        let text = |condition: &str| {
            format!(
                "SELECT reason, state, count(*) FROM dead_letters WHERE {condition} \
                 GROUP BY reason, state ORDER BY 3 DESC, 1, 2"
            )
        };
        let statement = Statement::new(text(WHERE_POSTGRES), text(WHERE_SQLITE));
        rows::query(transaction, &statement, self.parameters(now, state)).await
    }

    fn parameters(&self, now: i64, state: Option<&str>) -> Vec<Cells> {
        vec![
            Cells::Text(vec![self.reason.clone()]),
            Cells::Text(vec![self.topic.clone()]),
            Cells::Bytes(vec![self.key.clone().map(String::into_bytes)]),
            Cells::Long(vec![self.since.map(|since| since.micros(now))]),
            Cells::Text(vec![state.map(str::to_owned)]),
        ]
    }
}

impl Letter {
    /// Its key as text, with nothing in it that a terminal would obey.
    pub(super) fn key_text(&self) -> String {
        let key = self.record_key.as_deref().unwrap_or_default();
        String::from_utf8_lossy(key).escape_debug().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Since;

    #[test]
    fn since_is_a_time_or_a_way_back() {
        let ago = Since::parse("2h").unwrap();
        assert_eq!(ago.micros(10_000_000_000), 2_800_000_000);
        let at = Since::parse("1970-01-01T00:00:01Z").unwrap();
        assert_eq!(at.micros(99), 1_000_000);
        assert!(Since::parse("yesterday").is_err());
    }
}
