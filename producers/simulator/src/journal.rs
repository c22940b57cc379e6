//! The intent journal: JSON lines, an intent before anything is sent and what became of it after.
//!
//! An auditor reads it to tell "never sent" from "sent and lost". What must stay true: an intent
//! is synced before its record leaves, one sync for a whole window; an intent without an outcome
//! means unknown.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::action::{Action, Deed, Way};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
pub enum Line {
    /// Something is about to be sent.
    Intent {
        /// The action.
        number: u64,
        /// `purchase`, `cancellation` or `poison`.
        what: String,
        /// What is special about it: a purchase's kind, or what is wrong with a poison.
        kind: String,
        /// The purchase; none for poison.
        purchase_id: Option<String>,
        /// The event.
        event_id: String,
        /// The version a purchase is written with; none through the storefront, which decides.
        version: Option<u8>,
        /// The content of a purchase.
        content_hash: Option<String>,
        /// `direct` or `storefront`.
        way: String,
        /// The reason with which readers have to set it aside, for poison.
        expected_reason: Option<String>,
        /// What tells the record on its topic, for poison, which has no id that can be read: see
        /// [`fingerprint`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record_sha256: Option<String>,
    },
    /// What became of it.
    Outcome {
        /// The action.
        number: u64,
        /// See [`Outcome::as_str`].
        outcome: String,
        /// When it was known, microseconds since the epoch; zero where that was not taken down.
        #[serde(default)]
        at: i64,
    },
}

/// What became of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Kafka has it.
    Stored,
    /// The local spool has it.
    Spooled,
    /// The storefront has answered 202.
    Accepted,
    /// It was refused: it must have no effect.
    Refused,
    /// Nobody knows: it may or may not arrive.
    Unknown,
}

impl Outcome {
    /// The word in journal and report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Spooled => "spooled",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    buffer: Vec<u8>,
}

impl Journal {
    /// Begins a journal; an existing file is not overwritten.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Self {
            file,
            buffer: Vec::new(),
        })
    }

    /// Writes intents, and outcomes that wait, and syncs them.
    pub(crate) fn intend(&mut self, actions: &[Action]) -> io::Result<()> {
        for action in actions {
            self.line(&intent(action))?;
        }
        self.sync()
    }

    /// Takes down an outcome; it is synced with the next intents, or at the end.
    pub(crate) fn outcome(&mut self, number: u64, outcome: Outcome) -> io::Result<()> {
        self.line(&Line::Outcome {
            number,
            outcome: outcome.as_str().to_owned(),
            at: now(),
        })
    }

    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        self.file.sync_data()
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, line)?;
        self.buffer.push(b'\n');
        Ok(())
    }
}

/// Reads a journal line by line; a last line that was cut short is left out.
pub fn read(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Line>>> {
    let mut lines = BufReader::new(File::open(path)?);
    Ok(std::iter::from_fn(move || {
        let mut text = String::new();
        match lines.read_line(&mut text) {
            Ok(0) => None,
            Ok(_) if !text.ends_with('\n') => None,
            Ok(_) => Some(serde_json::from_str(&text).map_err(io::Error::from)),
            Err(error) => Some(Err(error)),
        }
    }))
}

/// SHA-256, in hexadecimal, of a record's key and payload, each with its length in bytes before it
/// as 64 bits, the highest first; all ones stand for none.
#[must_use]
pub fn fingerprint(key: Option<&[u8]>, payload: Option<&[u8]>) -> String {
    let mut hash = Sha256::new();
    for part in [key, payload] {
        let length = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// By the machine's clock: a run whose pace is a test's own is journalled all the same.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

fn intent(action: &Action) -> Line {
    let way = match action.way {
        Way::Direct => "direct",
        Way::Storefront => "storefront",
    };
    let (what, kind, purchase_id, event_id) = match &action.deed {
        Deed::Buy { purchase, kind } => (
            "purchase",
            kind.as_str(),
            Some(purchase.purchase_id.clone()),
            purchase.event_id.clone(),
        ),
        Deed::Cancel { request, is_early } => (
            "cancellation",
            if *is_early { "early" } else { "ordinary" },
            Some(request.purchase_id.clone()),
            request.event_id.clone(),
        ),
        Deed::Poison(poison) => ("poison", poison.kind, None, poison.record.event_id.clone()),
    };
    let purchase = match &action.deed {
        Deed::Buy { purchase, .. } => Some(purchase),
        _ => None,
    };
    Line::Intent {
        number: action.number,
        what: what.to_owned(),
        kind: kind.to_owned(),
        purchase_id,
        event_id,
        version: (purchase.filter(|_| action.way == Way::Direct))
            .map(|purchase| purchase.written_version),
        content_hash: purchase.map(|purchase| purchase.content_hash()),
        way: way.to_owned(),
        expected_reason: match &action.deed {
            Deed::Poison(poison) => Some(poison.reason.to_owned()),
            _ => None,
        },
        record_sha256: match &action.deed {
            Deed::Poison(poison) => {
                let record = &poison.record;
                Some(fingerprint(
                    record.key.as_deref(),
                    record.payload.as_deref(),
                ))
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::shop::Shop;

    #[test]
    fn a_fingerprint_tells_no_payload_from_an_empty_one() {
        let none = fingerprint(Some(b"k"), None);
        assert_eq!(none.len(), 64);
        assert_ne!(none, fingerprint(Some(b"k"), Some(b"")));
        assert_ne!(none, fingerprint(None, Some(b"k")));
    }

    #[test]
    fn a_journal_is_read_back_but_for_a_line_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut plan = Plan::new(1, 1_700_000_000_000_000);
        plan.count = Some(300);
        let actions: Vec<Action> = Shop::new(&plan).collect();
        let mut journal = Journal::create(&path).unwrap();
        journal.intend(&actions).unwrap();
        for action in &actions {
            journal.outcome(action.number, Outcome::Stored).unwrap();
        }
        journal.sync().unwrap();
        let lines: Vec<Line> = read(&path).unwrap().collect::<io::Result<_>>().unwrap();
        assert_eq!(lines.len(), 600);
        assert_eq!(lines[0], intent(&actions[0]));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        assert_eq!(read(&path).unwrap().count(), 599);
        assert!(
            Journal::create(&path).is_err(),
            "a journal is not overwritten"
        );
    }
}
