//! The journal of intents: what the publisher meant to send, synced before it was sent, and what
//! became of it. An intent without an outcome may or may not have arrived.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Deserialize;

use crate::{
    AuditError,
    poison::{Poison, Poisons},
    spill::Spill,
    witness::{IntentRow, Witness},
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
enum Line {
    Intent(Intent),
    Outcome(Outcome),
}

#[derive(Deserialize)]
struct Intent {
    number: u64,
    what: String,
    purchase_id: Option<String>,
    event_id: String,
    content_hash: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    expected_reason: Option<String>,
    #[serde(default)]
    record_sha256: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    number: u64,
    outcome: String,
    /// Journals that do not say it are of runs that are over.
    #[serde(default)]
    at: i64,
}

/// An intent whose outcome is not read yet.
enum Pending {
    OfPurchase(String, IntentRow),
    Poison(Option<u64>, Poison),
}

/// Sorts the journal into the shards of its purchases, and poison into a table. Intents are held
/// until their outcome is read: memory is bounded by what was under way at one time, and by what
/// was never answered.
pub(crate) fn sort(
    path: &Path,
    spill: &mut Spill,
    poisons: &mut Poisons,
) -> Result<(), AuditError> {
    let unreadable =
        |error: &dyn std::fmt::Display| AuditError::Intents(format!("{}: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
    let mut pending: HashMap<u64, Pending> = HashMap::new();
    let mut text = String::new();
    loop {
        text.clear();
        let read = reader.read_line(&mut text);
        // A last line that was cut short was never synced.
        if read.map_err(|error| unreadable(&error))? == 0 || !text.ends_with('\n') {
            break;
        }
        match serde_json::from_str(&text).map_err(|error| unreadable(&error))? {
            Line::Outcome(Outcome {
                number,
                outcome,
                at,
            }) => {
                if let Some(intent) = pending.remove(&number) {
                    intent.end(outcome, at, spill, poisons)?;
                }
            }
            Line::Intent(intent) => {
                pending.insert(intent.number, intent.pending());
            }
        }
    }
    for intent in pending.into_values() {
        intent.end("unknown".to_owned(), 0, spill, poisons)?;
    }
    Ok(())
}

impl Intent {
    fn pending(self) -> Pending {
        let outcome = "unknown".to_owned();
        let Some(purchase_id) = self.purchase_id else {
            let poison = Poison {
                kind: self.kind,
                event_id: self.event_id,
                reason: self.expected_reason,
                outcome,
            };
            return Pending::Poison(content(self.record_sha256), poison);
        };
        let row = IntentRow {
            what: self.what,
            event_id: self.event_id,
            hash: self.content_hash,
            outcome,
            at: 0,
        };
        Pending::OfPurchase(purchase_id, row)
    }
}

impl Pending {
    fn end(
        self,
        outcome: String,
        at: i64,
        spill: &mut Spill,
        poisons: &mut Poisons,
    ) -> Result<(), std::io::Error> {
        match self {
            Self::OfPurchase(purchase_id, row) => {
                let row = IntentRow { outcome, at, ..row };
                spill.put(&purchase_id, Witness::Intent(row))
            }
            Self::Poison(content, poison) => {
                poisons.intend(content, Poison { outcome, ..poison });
                Ok(())
            }
        }
    }
}

/// The first 64 bits of a record's fingerprint: what [`crate::topics::digest`] makes of it.
fn content(record_sha256: Option<String>) -> Option<u64> {
    let text = record_sha256?;
    u64::from_str_radix(text.get(..16)?, 16).ok()
}
