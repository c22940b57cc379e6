//! SQLSTATEs and failures of the connection, named by what the caller does next.

use std::{error::Error as _, io};

use tokio_postgres::{Error, error::DbError};

use crate::store::StoreError;

pub(super) fn classify(error: Error) -> StoreError {
    if let Some(answer) = error.as_db_error() {
        let described = describe(answer);
        return match reaction(answer.code().code(), answer.routine()) {
            Reaction::Retry => StoreError::Transient(described),
            Reaction::SetAside => StoreError::Refused(described),
            Reaction::Stop => StoreError::Fatal(described),
        };
    }
    let described = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let network = (error.source())
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() != io::ErrorKind::InvalidInput);
    if network || error.is_closed() {
        return StoreError::Transient(described);
    }
    // What remains is said by this side: a setting, a type, a column that does not fit.
    StoreError::Fatal(described)
}

/// Server messages name tables and constraints; the detail, which quotes the row, stays out.
fn describe(answer: &DbError) -> String {
    let mut text = format!("{} (SQLSTATE {}", answer.message(), answer.code().code());
    for (what, name) in [
        ("table", answer.table()),
        ("constraint", answer.constraint()),
    ] {
        if let Some(name) = name {
            text.push_str(&format!(", {what} {name}"));
        }
    }
    text.push(')');
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    Retry,
    SetAside,
    Stop,
}

/// Appendix A of the Postgres manual, by class, with the exceptions first.
fn reaction(state: &str, routine: Option<&str>) -> Reaction {
    match state {
        // A prepared statement met a changed table; a new connection prepares it anew.
        "0A000" if routine == Some("RevalidateCachedQuery") => Reaction::Retry,
        // An own earlier statement failed; the transaction was silent for too long.
        "25P02" | "25P03" => Reaction::Retry,
        // Locked, cancelled for its length, shutting down or starting.
        "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" => Reaction::Retry,
        // Damaged files: going on would spread the damage.
        "XX001" | "XX002" => Reaction::Stop,
        _ => match state.get(..2).unwrap_or_default() {
            // Connection, rolled back by the server, out of resources, operator, system, internal.
            "08" | "40" | "53" | "58" | "XX" => Reaction::Retry,
            // Cardinality, data, integrity, check option, program limits (a row that is too big
            // for an index), RAISE in a trigger.
            "21" | "22" | "23" | "44" | "54" | "P0" => Reaction::SetAside,
            _ => Reaction::Stop,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_retried() {
        for state in [
            "40001", "40P01", "55P03", "57P01", "57P03", "57014", "53100", "53300", "08006",
            "25P03", "58030",
        ] {
            assert_eq!(reaction(state, None), Reaction::Retry, "{state}");
        }
    }

    #[test]
    fn what_is_about_the_data_is_set_aside() {
        for state in [
            "23505", "23514", "23502", "22001", "22003", "22021", "54000", "P0001",
        ] {
            assert_eq!(reaction(state, None), Reaction::SetAside, "{state}");
        }
    }

    #[test]
    fn what_is_about_the_installation_stops() {
        for state in [
            "42P01", "42703", "42501", "28P01", "3D000", "3F000", "XX001", "0A000",
        ] {
            assert_eq!(reaction(state, None), Reaction::Stop, "{state}");
        }
    }

    #[test]
    fn a_plan_that_a_migration_outdated_is_made_anew() {
        let reaction = reaction("0A000", Some("RevalidateCachedQuery"));
        assert_eq!(reaction, Reaction::Retry);
    }
}
