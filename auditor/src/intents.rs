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
    spill::Spill,
    witness::{IntentRow, Witness},
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
enum Written {
    Intent {
        number: u64,
        what: String,
        purchase_id: Option<String>,
        event_id: String,
        content_hash: Option<String>,
    },
    Outcome {
        number: u64,
        outcome: String,
    },
}

/// Sorts the journal into the shards of its purchases. Intents are held until their outcome is
/// read: memory is bounded by what was under way at one time, and by what was never answered.
pub(crate) fn sort(path: &Path, spill: &mut Spill) -> Result<(), AuditError> {
    let unreadable =
        |error: &dyn std::fmt::Display| AuditError::Intents(format!("{}: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
    let mut pending: HashMap<u64, (String, IntentRow)> = HashMap::new();
    let mut text = String::new();
    loop {
        text.clear();
        let read = reader.read_line(&mut text);
        // A last line that was cut short was never synced.
        if read.map_err(|error| unreadable(&error))? == 0 || !text.ends_with('\n') {
            break;
        }
        match serde_json::from_str(&text).map_err(|error| unreadable(&error))? {
            Written::Intent {
                number,
                what,
                purchase_id: Some(purchase_id),
                event_id,
                content_hash,
            } => {
                let row = IntentRow {
                    what,
                    event_id,
                    hash: content_hash,
                    outcome: "unknown".to_owned(),
                };
                pending.insert(number, (purchase_id, row));
            }
            // Poison: no purchase can come of it.
            Written::Intent { .. } => {}
            Written::Outcome { number, outcome } => {
                if let Some((purchase_id, row)) = pending.remove(&number) {
                    let row = IntentRow { outcome, ..row };
                    spill.put(&purchase_id, Witness::Intent(row))?;
                }
            }
        }
    }
    for (purchase_id, row) in pending.into_values() {
        spill.put(&purchase_id, Witness::Intent(row))?;
    }
    Ok(())
}
