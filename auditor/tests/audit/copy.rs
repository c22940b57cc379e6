//! A copy of everything but the topics, to be tampered with.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(120);

/// What an experiment may change: databases, the provider's journal, the journal of intents.
pub(crate) struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    /// A copy of a world's folder.
    pub(crate) fn of(world: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["stores", "provider"] {
            copy_settled(&world.join(part), &folder.path().join(part));
        }
        let intents = Path::new("intents");
        if world.join(intents).exists() {
            fs::copy(world.join(intents), folder.path().join(intents)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn provider_journal(&self) -> PathBuf {
        self.folder.path().join("provider")
    }

    pub(crate) fn intents(&self) -> PathBuf {
        self.folder.path().join("intents")
    }

    fn lawless(&self, group: &str) -> rusqlite::Connection {
        lawless(self.folder.path(), group)
    }

    /// Changes rows of a group's database, and at least one.
    pub(crate) fn change(&self, group: &str, sql: &str) {
        let changed = self.lawless(group).execute(sql, []).unwrap();
        assert!(changed > 0, "{sql} changes nothing");
    }

    /// One text of a group's database.
    pub(crate) fn ask(&self, group: &str, sql: &str) -> String {
        let answer = self.lawless(group).query_row(sql, [], |row| row.get(0));
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// A purchase that was paid by card and delivered.
    pub(crate) fn captured(&self) -> String {
        let sql = "SELECT purchase_id FROM payments WHERE state = 'captured' AND card_minor > 0 \
                   ORDER BY purchase_id LIMIT 1";
        self.ask("payment", sql)
    }

    /// A purchase whose money was held, and let go of.
    pub(crate) fn voided(&self) -> String {
        let sql = "SELECT purchase_id FROM payments WHERE state = 'voided' \
                   AND authorised_at IS NOT NULL AND card_minor > 0 ORDER BY purchase_id LIMIT 1";
        self.ask("payment", sql)
    }

    /// A purchase in which somebody wanted what is never in stock.
    pub(crate) fn rejected(&self) -> String {
        // One that came before the shelves were filled wanted what was there later.
        let sql = "SELECT MIN(purchase_id) FROM reservations JOIN reservation_lines USING (purchase_id) \
                   WHERE state = 'rejected' AND sku NOT IN (SELECT sku FROM stock)";
        self.ask("inventory", sql)
    }

    /// A purchase whose stock was given back, or never taken.
    pub(crate) fn released(&self) -> String {
        let sql = "SELECT MIN(purchase_id) FROM reservations WHERE state = 'released'";
        self.ask("inventory", sql)
    }

    /// A purchase whose card was declined, and not because it was lost or is none.
    pub(crate) fn declined(&self) -> String {
        let sql = "SELECT MIN(purchase_id) FROM payments WHERE state = 'declined' \
                   AND reason NOT IN ('lost_card', 'resource_missing')";
        self.ask("payment", sql)
    }

    /// A purchase that was cancelled because somebody asked.
    pub(crate) fn cancelled(&self) -> String {
        let sql = "SELECT MIN(purchase_id) FROM dispatches WHERE cancel_reason = 'customer' \
                   AND state = 'cancelled' \
                   AND content_hash IS NOT NULL";
        self.ask("dispatch", sql)
    }
}

/// A connection to the database of a group in a folder that keeps no constraint and fires no trigger.
pub(crate) fn lawless(folder: &Path, group: &str) -> rusqlite::Connection {
    let path = folder.join("stores").join(format!("{group}.db"));
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
        .unwrap();
    let mut triggers = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .unwrap();
    let names = triggers.query_map([], |row| row.get(0)).unwrap();
    let names: Vec<String> = names.map(Result::unwrap).collect();
    drop(triggers);
    for name in names {
        connection
            .execute_batch(&format!("DROP TRIGGER {name}"))
            .unwrap();
    }
    connection
}

/// Copies a folder of which nobody writes any more. Connections are closed by threads of their
/// own, and the last one folds its log into the database and removes it: a copy during which a
/// file came or went is taken again.
fn copy_settled(from: &Path, to: &Path) {
    let names = || -> BTreeSet<std::ffi::OsString> {
        let files = fs::read_dir(from).unwrap();
        files.map(|file| file.unwrap().file_name()).collect()
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(
            Instant::now() < deadline,
            "{} does not settle",
            from.display()
        );
        drop(fs::remove_dir_all(to));
        fs::create_dir_all(to).unwrap();
        let before = names();
        let copied = before
            .iter()
            .all(|name| fs::copy(from.join(name), to.join(name)).is_ok());
        if copied && before == names() {
            return;
        }
    }
}
