//! The ledger, in every state that is committed (I3), and against what the provider did (I2).

use runtime::store::MemoryStore;

use crate::watch::longs;

/// What the accounts say is what the payments say.
pub(crate) fn balances(store: &MemoryStore) -> Result<(), String> {
    // Each row names both accounts, so what has to be compared is the accounts with the payments.
    const SQL: &str = "
        SELECT
          (SELECT coalesce(sum(CASE WHEN debit_account = 'auth_receivable' THEN amount_minor ELSE 0 END
                   - CASE WHEN credit_account = 'auth_receivable' THEN amount_minor ELSE 0 END), 0)
             FROM postings),
          (SELECT coalesce(sum(amount_minor), 0) FROM payments
            WHERE state IN ('authorised', 'voiding', 'capturing')),
          (SELECT coalesce(sum(CASE WHEN debit_account = 'psp_receivable' THEN amount_minor ELSE 0 END
                   - CASE WHEN credit_account = 'psp_receivable' THEN amount_minor ELSE 0 END), 0)
             FROM postings),
          (SELECT coalesce(sum(card_minor), 0) FROM payments
            WHERE state IN ('captured', 'refunding')),
          (SELECT count(*) FROM postings
            WHERE entry_id NOT IN (SELECT entry_id FROM journal_entries)),
          (SELECT count(*) FROM postings WHERE debit_account = credit_account)";
    let numbers = longs(store, SQL, 6)?;
    let number = |column: usize| numbers[column].first().copied().unwrap_or_default();
    for (what, ledger, payments) in [
        ("held", number(0), number(1)),
        ("owed by the provider", number(2), number(3)),
        ("in postings without an entry", number(4), 0),
        ("posted to where it came from", number(5), 0),
    ] {
        if ledger != payments {
            return Err(format!(
                "I3: {what}: {ledger} by the ledger and {payments} by the payments"
            ));
        }
    }
    Ok(())
}
