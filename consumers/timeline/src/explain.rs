//! A purchase explained: its status and its timeline, as text for people and as JSON for programs.

use std::fmt;

use serde::Serialize;

use crate::read::{PurchaseStatus, TimelineEntry};

/// What is known of a purchase, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What it has come to.
    pub status: PurchaseStatus,
    /// What happened, each entry after its cause.
    pub entries: Vec<TimelineEntry>,
}

/// A headline, and a line per entry that is indented below its cause.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = &self.status;
        write!(
            f,
            "purchase {}: {}",
            status.purchase_id,
            status.status.as_str()
        )?;
        if let Some(reason) = &status.cancel_reason {
            write!(f, " ({reason})")?;
        }
        if let Some(purchase) = &status.purchase {
            let (total, currency) = (purchase.total_minor, &purchase.currency);
            write!(f, ", total {total} {currency} (minor units)")?;
        }
        writeln!(f)?;
        for entry in &self.entries {
            write_entry(f, entry)?;
        }
        Ok(())
    }
}

fn write_entry(f: &mut fmt::Formatter<'_>, entry: &TimelineEntry) -> fmt::Result {
    let indent = "  ".repeat(entry.depth.min(20));
    write!(
        f,
        "{}  {indent}{} v{}  {}[{}]@{}",
        at(entry.occurred_at),
        entry.kind,
        entry.schema_version,
        entry.topic,
        entry.partition,
        entry.offset,
    )?;
    match (entry.hop_micros, &entry.causation_id) {
        (Some(hop), _) => write!(f, "  {} after its cause", duration(hop))?,
        (None, Some(cause)) => write!(f, "  cause {cause} is not in this timeline")?,
        (None, None) => {}
    }
    if let Some(outcome) = entry.outcome {
        write!(f, "  outcome: {outcome}")?;
    }
    let read_after = duration(entry.applied_at.saturating_sub(entry.occurred_at));
    writeln!(f, "  read after {read_after}  {}", entry.summary)
}

/// RFC 3339 with milliseconds, in UTC; the bare number when it is no date.
fn at(micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => format!("{micros}us"),
    }
}

/// In the unit that keeps it short, without loss of sign.
fn duration(micros: i64) -> String {
    match micros.unsigned_abs() {
        0..1_000 => format!("{micros}us"),
        1_000..10_000_000 => format!("{}ms", micros / 1_000),
        _ => format!("{}s", micros / 1_000_000),
    }
}
