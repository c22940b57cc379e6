//! The double-entry ledger: what each thing that happens to money means on which accounts.
//!
//! An entry exists only through [`Entry::balanced`], which refuses debits and credits that differ.
//! It is stored as transfers, each with a debit and a credit account, so that neither a defect here
//! nor a hand in the database can write half of one. Accounts are per currency: an entry has one.
//!
//! **What is owed for goods that are gone.** A capture that fails after the hand-over is a sale all
//! the same: revenue and tax stand, and the customer owes the whole on `customer_receivable`. When
//! the goods come back, that is undone by an entry of its own (`credited`), as a refund undoes a
//! capture, and nothing is left on any account. Until then it stays open, on purpose: whether it is
//! collected, or given up as a loss, is decided by a person with another ledger than this one, and
//! not by a deadline here. What is open is the balance of `customer_receivable`, purchase by
//! purchase the payments that are `capture_failed`, and for the customer `payment_overdue`.

use runtime::Timestamp;

use crate::rows::{JournalEntry, Payment, PaymentRows, Posting};

macro_rules! accounts {
    ($( $(#[$meta:meta])* $name:ident = $word:literal, )*) => {
        /// An account of the ledger.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Account {
            $( $(#[$meta])* $name, )*
        }

        impl Account {
            /// All accounts.
            pub const ALL: &'static [Self] = &[$( Self::$name, )*];

            /// The word in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$name => $word, )*
                }
            }
        }
    };
}

accounts! {
    /// What customers have let us hold.
    AuthReceivable = "auth_receivable",
    /// The counterpart of what is held: it is not ours yet.
    AuthLiability = "auth_liability",
    /// What the provider owes us.
    ProviderReceivable = "psp_receivable",
    /// What we owe to holders of gift cards.
    GiftCardLiability = "gift_card_liability",
    /// Taken from customers and not yet earned.
    CustomerPrepayments = "customer_prepayments",
    /// What customers owe for goods that are gone, and have not come back.
    CustomerReceivable = "customer_receivable",
    /// Earned with goods.
    Revenue = "revenue",
    /// Owed to the state.
    TaxPayable = "tax_payable",
    /// Earned with shipping.
    ShippingIncome = "shipping_income",
}

/// One side of an entry: accounts and amounts in minor units. Zero amounts are left out.
pub type Side<'a> = &'a [(Account, i64)];

/// Why an entry cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// The sides differ.
    #[error("debits of {debits} against credits of {credits}")]
    SidesDiffer {
        /// The sum of the debits, minor units.
        debits: i128,
        /// The sum of the credits.
        credits: i128,
    },
    /// An amount below zero: it belongs to the other side.
    #[error("{amount_minor} on {account:?}")]
    Negative {
        /// The account.
        account: Account,
        /// The amount.
        amount_minor: i64,
    },
}

/// A balanced entry: transfers between accounts, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    transfers: Vec<(Account, Account, i64)>,
}

impl Entry {
    /// Builds an entry whose debits equal its credits, by pairing them off in order.
    ///
    /// # Errors
    /// [`Unbalanced`] when the sides differ or an amount is negative.
    pub fn balanced(debits: Side<'_>, credits: Side<'_>) -> Result<Self, Unbalanced> {
        for &(account, amount_minor) in debits.iter().chain(credits) {
            if amount_minor < 0 {
                return Err(Unbalanced::Negative {
                    account,
                    amount_minor,
                });
            }
        }
        let sum = |side: Side<'_>| -> i128 { side.iter().map(|&(_, n)| i128::from(n)).sum() };
        if sum(debits) != sum(credits) {
            return Err(Unbalanced::SidesDiffer {
                debits: sum(debits),
                credits: sum(credits),
            });
        }
        let mut transfers = Vec::with_capacity(debits.len().max(credits.len()));
        let mut open = credits.iter().copied();
        let mut credit = open.next();
        for &(debit_account, debit_minor) in debits {
            let mut rest = debit_minor;
            while let Some((credit_account, available)) = credit {
                let amount = rest.min(available);
                if amount > 0 {
                    transfers.push((debit_account, credit_account, amount));
                }
                rest -= amount;
                if available > amount {
                    credit = Some((credit_account, available - amount));
                    break;
                }
                credit = open.next();
            }
        }
        Ok(Self { transfers })
    }

    /// The transfers: debit account, credit account, minor units.
    #[must_use]
    pub fn transfers(&self) -> &[(Account, Account, i64)] {
        &self.transfers
    }
}

/// What happened to money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It is held.
    Authorised,
    /// What was held was let go.
    Voided,
    /// What was held was taken.
    Captured,
    /// It was earned, by handing the goods over.
    Recognised,
    /// What was taken was given back.
    Refunded,
    /// The goods are gone unpaid.
    CaptureFailed,
    /// The goods came back that were gone unpaid.
    Credited,
}

impl Happened {
    /// The word in the entry's id.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorised => "authorised",
            Self::Voided => "voided",
            Self::Captured => "captured",
            Self::Recognised => "recognised",
            Self::Refunded => "refunded",
            Self::CaptureFailed => "capture_failed",
            Self::Credited => "credited",
        }
    }
}

/// What something means on the accounts.
///
/// # Errors
/// [`Unbalanced`] when the row's amounts contradict each other.
pub fn entry(row: &Payment, happened: Happened) -> Result<Entry, Unbalanced> {
    use Account as A;
    let all = row.amount_minor;
    let goods_minor = all - row.tax_minor - row.shipping_minor;
    let earned = [
        (A::Revenue, goods_minor),
        (A::TaxPayable, row.tax_minor),
        (A::ShippingIncome, row.shipping_minor),
    ];
    let paid_with = [
        (A::ProviderReceivable, row.card_minor),
        (A::GiftCardLiability, row.gift_card_minor()),
    ];
    match happened {
        Happened::Authorised => {
            Entry::balanced(&[(A::AuthReceivable, all)], &[(A::AuthLiability, all)])
        }
        Happened::Voided => {
            Entry::balanced(&[(A::AuthLiability, all)], &[(A::AuthReceivable, all)])
        }
        Happened::Captured => Entry::balanced(
            &[(A::AuthLiability, all), paid_with[0], paid_with[1]],
            &[(A::AuthReceivable, all), (A::CustomerPrepayments, all)],
        ),
        Happened::Recognised => Entry::balanced(&[(A::CustomerPrepayments, all)], &earned),
        Happened::Refunded => Entry::balanced(&earned, &paid_with),
        Happened::CaptureFailed => {
            let held = if row.holds_money() { all } else { 0 };
            let [goods, tax, shipping] = earned;
            Entry::balanced(
                &[(A::AuthLiability, held), (A::CustomerReceivable, all)],
                &[(A::AuthReceivable, held), goods, tax, shipping],
            )
        }
        Happened::Credited => Entry::balanced(&earned, &[(A::CustomerReceivable, all)]),
    }
}

/// Writes what happened into the ledger. Writing it again changes nothing: ids are derived.
///
/// # Errors
/// [`Unbalanced`]; nothing is written then.
pub fn post(
    rows: &mut PaymentRows,
    row: &Payment,
    happened: Happened,
    causation_id: &str,
    now: Timestamp,
) -> Result<(), Unbalanced> {
    let entry = entry(row, happened)?;
    let entry_id = format!("{}:{}", row.purchase_id, happened.as_str());
    rows.entries.push(JournalEntry {
        entry_id: entry_id.clone(),
        purchase_id: row.purchase_id.clone(),
        kind: happened.as_str().to_owned(),
        causation_id: causation_id.to_owned(),
        posted_at: now,
    });
    for (index, &(debit, credit, amount_minor)) in entry.transfers().iter().enumerate() {
        rows.postings.push(Posting {
            posting_id: format!("{entry_id}:{}", index + 1),
            entry_id: entry_id.clone(),
            debit_account: debit.as_str().to_owned(),
            credit_account: credit.as_str().to_owned(),
            amount_minor,
            currency: row.currency.clone().unwrap_or_default(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{Account, Entry, Unbalanced};

    #[test]
    fn sides_that_differ_are_refused() {
        let refused = Entry::balanced(&[(Account::Revenue, 3)], &[(Account::TaxPayable, 2)]);
        let sides = Unbalanced::SidesDiffer {
            debits: 3,
            credits: 2,
        };
        assert_eq!(refused, Err(sides));
    }

    #[test]
    fn a_negative_amount_is_refused_even_when_the_sums_agree() {
        let sides = [(Account::Revenue, 3), (Account::TaxPayable, -1)];
        let refused = Entry::balanced(&sides, &[(Account::AuthLiability, 2)]);
        assert!(matches!(refused, Err(Unbalanced::Negative { .. })));
    }

    #[test]
    fn both_databases_know_every_account() {
        // The first makes the ledger; later ones may leave it alone.
        for migration in &crate::MIGRATIONS[..1] {
            for account in Account::ALL {
                let word = format!("'{}'", account.as_str());
                assert!(migration.postgres.contains(&word), "{word}");
                assert!(migration.sqlite.contains(&word), "{word}");
            }
        }
    }

    fn side() -> impl Strategy<Value = Vec<(Account, i64)>> {
        let account = proptest::sample::select(Account::ALL.to_vec());
        proptest::collection::vec((account, 0..1_000_000_i64), 0..6)
    }

    proptest! {
        #[test]
        fn transfers_add_up_to_both_sides(debits in side(), mut credits in side()) {
            let sum = |side: &[(Account, i64)]| side.iter().map(|leg| leg.1).sum::<i64>();
            let missing = sum(&debits) - sum(&credits);
            let mut debits = debits;
            if missing > 0 {
                credits.push((Account::Revenue, missing));
            } else {
                debits.push((Account::TaxPayable, -missing));
            }
            let entry = Entry::balanced(&debits, &credits).unwrap();
            let mut per_account = BTreeMap::new();
            for &(debit, credit, amount) in entry.transfers() {
                prop_assert!(amount > 0);
                *per_account.entry((debit, true)).or_insert(0) += amount;
                *per_account.entry((credit, false)).or_insert(0) += amount;
            }
            let mut wanted = BTreeMap::new();
            for (legs, is_debit) in [(&debits, true), (&credits, false)] {
                for &(account, amount) in legs.iter().filter(|leg| leg.1 > 0) {
                    *wanted.entry((account, is_debit)).or_insert(0) += amount;
                }
            }
            prop_assert_eq!(per_account, wanted);
        }
    }
}
