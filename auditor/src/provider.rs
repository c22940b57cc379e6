//! The second witness: what the provider and the carrier did by their own journal.

use std::path::Path;

use sandbox::journal::{self, Kind};

use crate::{
    AuditError,
    report::{Promise, Report},
    spill::Spill,
    witness::{ProviderRow, Witness},
};

/// The word of a kind, as the checks name it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Authorised => "authorised",
        Kind::Declined => "declined",
        Kind::Captured => "captured",
        Kind::Voided => "voided",
        Kind::Refunded => "refunded",
        Kind::HandedOver => "handed over",
        Kind::Refused => "refused",
    }
}

/// Sorts the journal into the shards of its purchases.
pub(crate) fn sort(
    folder: &Path,
    spill: &mut Spill,
    report: &mut Report,
) -> Result<(), AuditError> {
    let unreadable = |error: journal::Error| AuditError::ProviderJournal(error.to_string());
    if !journal::stands_in(folder).map_err(unreadable)? {
        let why = format!("{} holds no journal", folder.display());
        return Err(AuditError::ProviderJournal(why));
    }
    for entry in journal::read(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let row = ProviderRow {
            kind: word(entry.kind).to_owned(),
            intent_id: entry.intent_id,
            refund_id: entry.refund_id,
            shipment_id: entry.shipment_id,
            amount_minor: entry.amount_minor,
            currency: entry.currency,
            key: entry.idempotency_key,
            detail: entry.detail,
            at: entry.at,
        };
        report.count(
            Promise::Once,
            format!("{} by the provider's journal", row.kind),
            1,
        );
        match entry.purchase_id {
            Some(purchase_id) => spill.put(&purchase_id, Witness::Provider(row))?,
            None => report.breach(
                Promise::NothingInvented,
                format!("provider's journal {}", entry.sequence),
                format!("{} without a purchase", row.kind),
            ),
        }
    }
    Ok(())
}
