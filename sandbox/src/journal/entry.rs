//! What an auditor is told: one entry per effect, in the order in which they took effect.

use std::path::{Path, PathBuf};

use super::{Error, records::Records};
use crate::state::{
    intent::Status,
    record::{Change, Record},
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Money is held.
    Authorised,
    /// The card was declined.
    Declined,
    /// Held money was taken.
    Captured,
    /// Held money was given back untaken.
    Voided,
    /// Taken money was given back.
    Refunded,
    /// The carrier has the goods.
    HandedOver,
    /// The carrier does not take the goods.
    Refused,
}

/// One effect at the provider or the carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal; rises, with gaps.
    pub sequence: u64,
    /// Microseconds since the epoch, by the sandbox's clock.
    pub at: i64,
    /// What happened.
    pub kind: Kind,
    /// As the request named it; none when it named none.
    pub purchase_id: Option<String>,
    /// The payment intent; none for the carrier's entries.
    pub intent_id: Option<String>,
    /// The refund, of a refund.
    pub refund_id: Option<String>,
    /// The shipment; none for the provider's entries.
    pub shipment_id: Option<String>,
    /// Minor units that moved; for a decline, that were asked for; 0 for the carrier's.
    pub amount_minor: i64,
    /// ISO 4217 in capitals; empty for the carrier's.
    pub currency: String,
    /// The key under which it was asked for.
    pub idempotency_key: Option<String>,
    /// The decline code, the reason of a void or refund, or the tracking number.
    pub detail: Option<String>,
}

impl Entry {
    /// What a record means to an auditor; none for one that only saved a reply.
    fn of(record: Record) -> Option<Self> {
        let mut entry = Self {
            sequence: record.sequence,
            at: record.at,
            kind: Kind::Refused,
            purchase_id: None,
            intent_id: None,
            refund_id: None,
            shipment_id: None,
            amount_minor: 0,
            currency: String::new(),
            idempotency_key: record.key.map(|mark| mark.key),
            detail: None,
        };
        match record.change {
            Change::Nothing => return None,
            Change::Opened {
                terms,
                status,
                decline_code,
            } => {
                entry.kind = match (status, &decline_code) {
                    (Status::RequiresCapture, _) => Kind::Authorised,
                    (_, Some(_)) => Kind::Declined,
                    _ => return None,
                };
                entry.purchase_id = terms.purchase_id().map(str::to_owned);
                entry.intent_id = Some(terms.intent_id);
                entry.amount_minor = terms.amount_minor;
                entry.currency = terms.currency;
                entry.detail = decline_code;
            }
            Change::Captured(movement) | Change::Voided { movement, .. }
                if movement.amount_minor == 0 =>
            {
                return None;
            }
            Change::Captured(movement) => {
                entry.kind = Kind::Captured;
                (entry.purchase_id, entry.intent_id) =
                    (movement.purchase_id, Some(movement.intent_id));
                (entry.amount_minor, entry.currency) = (movement.amount_minor, movement.currency);
            }
            Change::Voided { movement, reason } => {
                entry.kind = Kind::Voided;
                (entry.purchase_id, entry.intent_id) =
                    (movement.purchase_id, Some(movement.intent_id));
                (entry.amount_minor, entry.currency) = (movement.amount_minor, movement.currency);
                entry.detail = reason;
            }
            Change::Refunded(refund) => {
                entry.kind = Kind::Refunded;
                (entry.purchase_id, entry.intent_id) = (refund.purchase_id, Some(refund.intent_id));
                (entry.amount_minor, entry.currency) = (refund.amount_minor, refund.currency);
                (entry.refund_id, entry.detail) = (Some(refund.refund_id), refund.reason);
            }
            Change::HandedOver(shipment) => {
                entry.kind = Kind::HandedOver;
                (entry.purchase_id, entry.shipment_id) =
                    (Some(shipment.purchase_id), Some(shipment.shipment_id));
                entry.detail = Some(shipment.tracking);
            }
            Change::Refused {
                shipment_id,
                purchase_id,
            } => {
                (entry.purchase_id, entry.shipment_id) = (Some(purchase_id), Some(shipment_id));
            }
        }
        entry.currency.make_ascii_uppercase();
        Some(entry)
    }
}

/// The effects in a journal folder, in order. The sandbox may be running: the iteration then ends
/// at what was synced (or was about to be) when it got there.
#[derive(Debug)]
pub struct Entries {
    records: Records,
    ended: bool,
}

/// Whether a folder is a journal's: one that nothing was written to yet has its lock.
///
/// # Errors
/// [`Error::Io`] when the folder is not there.
pub fn stands_in(folder: impl AsRef<Path>) -> Result<bool, Error> {
    let folder = folder.as_ref();
    let segments = super::segments::list(folder)?;
    Ok(!segments.is_empty() || folder.join(super::committer::LOCK).exists())
}

/// Reads a journal as an auditor does, one segment in memory at a time.
///
/// # Errors
/// [`Error::Io`] when the folder is not there. Items are errors when a file cannot be read or is
/// damaged before its end; nothing follows an error.
pub fn read(folder: impl AsRef<Path>) -> Result<Entries, Error> {
    let folder: PathBuf = folder.as_ref().to_owned();
    super::segments::list(&folder)?;
    Ok(Entries {
        records: Records::open(folder),
        ended: false,
    })
}

impl Iterator for Entries {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.records.read_next() {
                Ok(Some(record)) => {
                    if let Some(entry) = Entry::of(record) {
                        return Some(Ok(entry));
                    }
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
