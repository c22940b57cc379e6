//! Numbered migrations, applied once each, recorded with a checksum.
//!
//! The course is the same for both databases and is here; what differs (how to begin, how to be
//! alone, how to run a text of several statements) is behind [`Target`]. A step and its record commit together, so a
//! crash in between leaves neither.

use std::{
    future::Future,
    time::{SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use super::{
    BoxFuture, Cells, Column, Kind, Mode, Statement, Store, StoreError, Table, Transaction,
};

/// One numbered step of a group's schema, in both dialects.
///
/// Released steps are never edited. Steps expand first and contract later, so that the previous
/// build goes on working while the next is rolled out. A step runs in a transaction, so what a
/// database refuses there (`CREATE INDEX CONCURRENTLY`) cannot be a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// 1, 2, 3, ...; the runtime's own steps are counted apart.
    pub number: u32,
    /// What it does, for the listing.
    pub name: &'static str,
    /// SQL for Postgres; several statements are allowed.
    pub postgres: &'static str,
    /// SQL for SQLite.
    pub sqlite: &'static str,
}

/// Why a database could not be brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// The database did not answer, or not as expected; nothing of the step remains.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A step failed; nothing of it remains.
    #[error("apply migration {number} ({name}) of {component}: {source}")]
    Step {
        /// Whose migration.
        component: String,
        /// Its number.
        number: u32,
        /// Its name.
        name: &'static str,
        /// What the database said.
        source: StoreError,
    },
    /// A step that this database has applied reads differently in this build.
    #[error(
        "migration {number} ({name}) of {component} was edited after it was applied here: \
         restore its text and put the change into a new migration"
    )]
    Edited {
        /// Whose migration.
        component: String,
        /// Its number.
        number: u32,
        /// Its name in this build.
        name: &'static str,
    },
    /// The database has recorded a later step but not this one.
    #[error("{component} has migrations after number {missing}, but not {missing} itself")]
    Gap {
        /// Whose migrations.
        component: String,
        /// The number that is not recorded.
        missing: u32,
    },
    /// The build's own list does not count 1, 2, 3, ...
    #[error("migrations of {component} must count 1, 2, 3, ...: found {found} in place {expected}")]
    Numbering {
        /// Whose migrations.
        component: String,
        /// The number in that place.
        found: u32,
        /// The number that belongs there.
        expected: u32,
    },
}

impl MigrationError {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Transient(_))
                | Self::Step {
                    source: StoreError::Transient(_),
                    ..
                }
        )
    }
}

/// What a database adds to the common course: whatever has this is a [`Store`].
pub(super) trait Target: Send + Sync + 'static {
    /// A transaction that may run whole texts.
    type Open: Transaction + 'static;
    /// Begins a transaction.
    fn transaction(
        &self,
        mode: Mode,
    ) -> impl Future<Output = Result<Self::Open, StoreError>> + Send;
    /// The text for this database.
    fn text(migration: &Migration) -> &'static str;
    /// Begins a transaction while which no other may migrate the same database, and makes sure that
    /// there is a place for tables.
    fn begin_alone(&self) -> impl Future<Output = Result<Self::Open, StoreError>> + Send;
    /// Runs a text of several statements.
    fn run(
        open: &mut Self::Open,
        text: &'static str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<T: Target> Store for T {
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Transaction>, StoreError>> {
        Box::pin(async move {
            let transaction = self.transaction(mode).await?;
            Ok(Box::new(transaction) as Box<dyn Transaction>)
        })
    }

    fn migrate<'a>(
        &'a self,
        component: &'a str,
        migrations: &'a [Migration],
    ) -> BoxFuture<'a, Result<usize, MigrationError>> {
        Box::pin(migrate(self, component, migrations))
    }

    fn pending<'a>(
        &'a self,
        component: &'a str,
        migrations: &'a [Migration],
    ) -> BoxFuture<'a, Result<Vec<Migration>, MigrationError>> {
        Box::pin(pending(self, component, migrations))
    }
}

/// Which steps were applied, and how they read.
const RECORDS: Table = Table {
    name: "migrations",
    columns: &[
        column("component", Kind::Text),
        column("number", Kind::Long),
        column("name", Kind::Text),
        column("checksum", Kind::Text),
        column("applied_at", Kind::Long),
    ],
    key_columns: 2,
    shared: false,
};

const CREATE_RECORDS: &str = "CREATE TABLE IF NOT EXISTS migrations (
    component text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at bigint NOT NULL,
    PRIMARY KEY (component, number)
)";

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

async fn migrate<T: Target>(
    target: &T,
    component: &str,
    migrations: &[Migration],
) -> Result<usize, MigrationError> {
    // Looking first costs no lock and needs no right to create anything, which is all that most
    // starts need.
    if pending(target, component, migrations).await?.is_empty() {
        return Ok(0);
    }
    let mut applied = 0;
    loop {
        let mut alone = target.begin_alone().await?;
        T::run(&mut alone, CREATE_RECORDS).await?;
        let records = records(&mut alone, component).await?;
        let Some(next) = remaining::<T>(component, migrations, &records)?.first() else {
            return Ok(applied);
        };
        let failed = |source| MigrationError::Step {
            component: component.to_owned(),
            number: next.number,
            name: next.name,
            source,
        };
        T::run(&mut alone, T::text(next)).await.map_err(failed)?;
        let record = vec![
            Cells::texts([component]),
            Cells::longs([i64::from(next.number)]),
            Cells::texts([next.name]),
            Cells::texts([checksum(T::text(next))]),
            Cells::longs([now_micros()]),
        ];
        alone.execute(&RECORDS.insert_new(), record).await?;
        Box::new(alone).commit().await.map_err(failed)?;
        tracing::info!(
            component,
            number = next.number,
            name = next.name,
            "migration applied"
        );
        applied += 1;
    }
}

async fn pending<T: Target>(
    target: &T,
    component: &str,
    migrations: &[Migration],
) -> Result<Vec<Migration>, MigrationError> {
    let mut snapshot = target.transaction(Mode::Snapshot).await?;
    let exists = Statement::new(
        "SELECT to_regclass('migrations') IS NOT NULL",
        "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'",
    );
    let columns = snapshot.query(&exists, vec![], &[Kind::Bool]).await?;
    let records = if columns == [Cells::Bool(vec![Some(true)])] {
        records(&mut snapshot, component).await?
    } else {
        vec![]
    };
    Ok(remaining::<T>(component, migrations, &records)?.to_vec())
}

/// A recorded step: its number and the checksum of its text.
type Applied = (i64, String);

async fn records(
    transaction: &mut dyn Transaction,
    component: &str,
) -> Result<Vec<Applied>, StoreError> {
    let select = RECORDS.select();
    let columns = transaction
        .query(&select, vec![Cells::texts([component])], &RECORDS.kinds())
        .await?;
    match <[Cells; 5]>::try_from(columns) {
        Ok([_, Cells::Long(numbers), _, Cells::Text(checksums), _]) => {
            let numbers = numbers.into_iter().map(Option::unwrap_or_default);
            let checksums = checksums.into_iter().map(Option::unwrap_or_default);
            Ok(numbers.zip(checksums).collect())
        }
        _ => Err(StoreError::Fatal("table migrations does not fit".into())),
    }
}

fn remaining<'a, T: Target>(
    component: &str,
    migrations: &'a [Migration],
    applied: &[Applied],
) -> Result<&'a [Migration], MigrationError> {
    let texts: Vec<&str> = migrations.iter().map(T::text).collect();
    let first = compare(component, migrations, &texts, applied)?;
    Ok(&migrations[first..])
}

/// The place of the first step to apply; `applied` is in order of number.
fn compare(
    component: &str,
    migrations: &[Migration],
    texts: &[&str],
    applied: &[Applied],
) -> Result<usize, MigrationError> {
    let component = || component.to_owned();
    for (expected, migration) in (1..).zip(migrations) {
        if migration.number != expected {
            return Err(MigrationError::Numbering {
                component: component(),
                found: migration.number,
                expected,
            });
        }
    }
    for (expected, (number, _)) in (1..).zip(applied) {
        if *number != i64::from(expected) {
            return Err(MigrationError::Gap {
                component: component(),
                missing: expected,
            });
        }
    }
    for ((migration, text), (_, recorded)) in migrations.iter().zip(texts).zip(applied) {
        if checksum(text) != *recorded {
            return Err(MigrationError::Edited {
                component: component(),
                number: migration.number,
                name: migration.name,
            });
        }
    }
    Ok(applied.len().min(migrations.len()))
}

fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now_micros() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Migration; 3] = [step(1, "a"), step(2, "b"), step(3, "c")];

    const fn step(number: u32, text: &'static str) -> Migration {
        Migration {
            number,
            name: "step",
            postgres: text,
            sqlite: text,
        }
    }

    fn first_of(migrations: &[Migration], applied: &[(i64, &str)]) -> Result<usize, String> {
        let texts: Vec<&str> = migrations.iter().map(|step| step.sqlite).collect();
        let applied: Vec<Applied> = (applied.iter())
            .map(|(number, text)| (*number, checksum(text)))
            .collect();
        compare("group", migrations, &texts, &applied).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_recorded_is_pending() {
        assert_eq!(first_of(&STEPS, &[]), Ok(0));
        assert_eq!(first_of(&STEPS, &[(1, "a"), (2, "b")]), Ok(2));
        assert_eq!(first_of(&STEPS, &[(1, "a"), (2, "b"), (3, "c")]), Ok(3));
    }

    #[test]
    fn a_database_ahead_of_the_build_has_nothing_pending() {
        assert_eq!(first_of(&STEPS[..1], &[(1, "a"), (2, "b")]), Ok(1));
    }

    #[test]
    fn an_edited_step_is_named() {
        let error = first_of(&STEPS, &[(1, "a"), (2, "B")]).unwrap_err();
        assert!(error.contains("migration 2 (step) of group was edited"));
    }

    #[test]
    fn a_gap_is_named_on_either_side() {
        let error = first_of(&STEPS, &[(1, "a"), (3, "c")]).unwrap_err();
        assert!(error.contains("after number 2, but not 2"), "{error}");
        let error = first_of(&[STEPS[0], STEPS[2]], &[]).unwrap_err();
        assert!(error.contains("found 3 in place 2"), "{error}");
    }

    #[test]
    fn the_checksum_is_sha256_in_hexadecimal() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(checksum(""), empty);
    }
}
