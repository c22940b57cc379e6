//! SQLite's result codes, named by what the caller does next.

use rusqlite::ErrorCode;

use crate::store::StoreError;

pub(super) fn classify(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error as Sqlite;
    let Some(code) = error.sqlite_error_code() else {
        // All others come from a text or a column that does not fit, not from the data.
        return StoreError::Fatal(describe(&error));
    };
    match code {
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => {
            StoreError::Refused(describe(&error))
        }
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted
        | ErrorCode::SchemaChanged => StoreError::Transient(describe(&error)),
        // The generic code says it of sums only in words.
        _ if matches!(&error, Sqlite::SqliteFailure(_, Some(text)) if text == "integer overflow") => {
            StoreError::Refused(describe(&error))
        }
        _ => StoreError::Fatal(describe(&error)),
    }
}

/// The text with the extended code, which tells a full disk from a failed fsync.
fn describe(error: &rusqlite::Error) -> String {
    match error {
        // The text of the statement, which this variant would print, says nothing to an operator.
        rusqlite::Error::SqlInputError { error, msg, .. } => {
            format!("{msg} (SQLite {})", error.extended_code)
        }
        rusqlite::Error::SqliteFailure(code, _) => {
            format!("{error} (SQLite {})", code.extended_code)
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> StoreError {
        classify(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(code),
            None,
        ))
    }

    #[test]
    fn a_full_or_failing_disk_and_a_lock_are_transient() {
        use rusqlite::ffi::{SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR, SQLITE_IOERR_FSYNC};
        for code in [SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR, SQLITE_IOERR_FSYNC] {
            assert!(matches!(failure(code), StoreError::Transient(_)), "{code}");
        }
    }

    #[test]
    fn a_constraint_is_refused() {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_CHECK, SQLITE_CONSTRAINT_DATATYPE, SQLITE_MISMATCH};
        for code in [
            SQLITE_CONSTRAINT_CHECK,
            SQLITE_CONSTRAINT_DATATYPE,
            SQLITE_MISMATCH,
        ] {
            assert!(matches!(failure(code), StoreError::Refused(_)), "{code}");
        }
    }

    #[test]
    fn a_damaged_file_is_fatal() {
        use rusqlite::ffi::{SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY};
        for code in [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY] {
            assert!(matches!(failure(code), StoreError::Fatal(_)), "{code}");
        }
    }
}
