//! The ledger, in every state that is committed (I3): each account, by purchase and currency, holds
//! what the state of the payment says.

use runtime::store::MemoryStore;

use crate::watch::wrong;

/// What the accounts say less what the payments say, where that is not nothing.
const DIFFERENCES: &str = "
    WITH held AS (SELECT * FROM payments
           WHERE state IN ('authorised', 'voiding', 'capturing') AND authorised_at IS NOT NULL),
         earned AS (SELECT * FROM payments
           WHERE state IN ('captured', 'refunding', 'capture_failed')),
         taken AS (SELECT * FROM payments WHERE state IN ('captured', 'refunding')),
         all_of AS (
           SELECT e.purchase_id, p.currency, p.debit_account AS account, p.amount_minor AS amount
             FROM postings p LEFT JOIN journal_entries e USING (entry_id)
           UNION ALL
           SELECT e.purchase_id, p.currency, p.credit_account, -p.amount_minor
             FROM postings p LEFT JOIN journal_entries e USING (entry_id)
           UNION ALL SELECT purchase_id, currency, 'auth_receivable', -amount_minor FROM held
           UNION ALL SELECT purchase_id, currency, 'auth_liability', amount_minor FROM held
           UNION ALL SELECT purchase_id, currency, 'psp_receivable', -card_minor FROM taken
           UNION ALL SELECT purchase_id, currency, 'gift_card_liability', card_minor - amount_minor
             FROM taken
           UNION ALL SELECT purchase_id, currency, 'customer_receivable', -amount_minor
             FROM payments WHERE state = 'capture_failed'
           UNION ALL SELECT purchase_id, currency, 'revenue',
               amount_minor - tax_minor - shipping_minor FROM earned
           UNION ALL SELECT purchase_id, currency, 'tax_payable', tax_minor FROM earned
           UNION ALL SELECT purchase_id, currency, 'shipping_income', shipping_minor FROM earned)
    SELECT purchase_id, currency, account, sum(amount) FROM all_of
     GROUP BY purchase_id, currency, account HAVING sum(amount) <> 0
    UNION ALL
    SELECT posting_id, currency, debit_account, amount_minor FROM postings
     WHERE debit_account = credit_account OR entry_id NOT IN (SELECT entry_id FROM journal_entries)";

/// What the accounts say is what the payments say.
pub(crate) fn balances(store: &MemoryStore) -> Result<(), String> {
    match wrong(store, DIFFERENCES, 3)? {
        None => Ok(()),
        Some((account, amount)) => Err(format!(
            "I3: {account}: the ledger has {amount} more than the payment"
        )),
    }
}
