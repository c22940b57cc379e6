//! From a configured URL to a store: the one place that knows which forms there are.

use std::{path::Path, sync::Arc};

use super::{Limits, PostgresStore, SqliteStore, Store, StoreError};

/// Opens the database of a group.
///
/// - `postgres://user:password@host:5432/database` (or `postgresql://`): the schema named after the
///   group in that database;
/// - `sqlite:///absolute/folder` or `sqlite://relative/folder`: the file `<group>.db` in that
///   folder, which is created when it is missing.
///
/// It does not connect: a database that is away at start is waited for like one that goes away.
///
/// # Errors
/// [`StoreError::Fatal`] when the URL or the group's name cannot be used; the URL, which may hold a
/// password, is not repeated.
pub fn open(url: &str, group: &str) -> Result<Arc<dyn Store>, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresStore::open(
            url,
            group,
            Limits::default(),
        )?));
    }
    match url.strip_prefix("sqlite://") {
        Some(folder) if !folder.is_empty() => {
            require_name(group)?;
            let path = Path::new(folder).join(format!("{group}.db"));
            Ok(Arc::new(SqliteStore::open(path)?))
        }
        _ => Err(StoreError::Fatal(
            "expected a database URL of the form postgres://user:password@host:5432/database, \
             sqlite:///absolute/folder or sqlite://relative/folder"
                .into(),
        )),
    }
}

/// Names become identifiers and file names: those that need quoting anywhere are refused.
pub(super) fn require_name(name: &str) -> Result<(), StoreError> {
    let mut characters = name.chars();
    let fits = name.len() <= 63
        && characters.next().is_some_and(|c| c.is_ascii_lowercase())
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if fits {
        return Ok(());
    }
    Err(StoreError::Fatal(format!(
        "expected a name of up to 63 lower-case letters, digits and underscores, \
         beginning with a letter: {name:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_form_is_refused_with_the_expected_forms() {
        for url in ["mysql://localhost/x", "sqlite://", "/var/lib", ""] {
            let error = open(url, "payment").err().unwrap();
            assert!(error.to_string().contains("sqlite:///absolute/folder"));
        }
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        let error = open("postgres://user:secret@host:99999999/db", "payment");
        assert!(!error.err().unwrap().to_string().contains("secret"));
    }

    #[test]
    fn a_name_that_needs_quoting_is_refused() {
        for name in ["", "1st", "Payment", "pay-ment", "a\"b", "../up"] {
            assert!(matches!(require_name(name), Err(StoreError::Fatal(_))));
        }
        assert_eq!(require_name("payment_2"), Ok(()));
    }

    #[test]
    fn sqlite_keeps_a_file_per_group() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/deeper", folder.path().display());
        assert!(open(&url, "payment").is_ok());
        assert!(folder.path().join("deeper").is_dir());
    }
}
