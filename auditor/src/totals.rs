//! Sums over all purchases: the ledger per currency, and captured money by both witnesses.

use std::collections::BTreeMap;

use crate::{
    report::{Promise, Report},
    witness::PostingRow,
};

const P: Promise = Promise::Money;

/// The sums.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Per currency and account; debits are positive.
    accounts: BTreeMap<(String, String), i128>,
    postings: i64,
    captured: BTreeMap<String, (i128, i128)>,
}

impl Totals {
    /// Adds transfers of the ledger.
    pub(crate) fn post(&mut self, postings: &[PostingRow]) {
        for posting in postings {
            self.postings += 1;
            let amount = i128::from(posting.amount_minor);
            for (account, signed) in [(&posting.debit, amount), (&posting.credit, -amount)] {
                let place = (posting.currency.clone(), account.clone());
                *self.accounts.entry(place).or_default() += signed;
            }
        }
    }

    /// Adds what our ledger captured by card.
    pub(crate) fn captured_by_us(&mut self, currency: &str, minor: i64) {
        self.captured.entry(currency.to_owned()).or_default().0 += i128::from(minor);
    }

    /// Adds what the provider captured.
    pub(crate) fn captured_by_provider(&mut self, currency: &str, minor: i64) {
        self.captured.entry(currency.to_owned()).or_default().1 += i128::from(minor);
    }

    /// Compares the sums.
    pub(crate) fn check(&self, report: &mut Report) {
        report.count(P, "postings", self.postings);
        let mut per_currency: BTreeMap<&str, i128> = BTreeMap::new();
        for ((currency, account), balance) in &self.accounts {
            *per_currency.entry(currency).or_default() += balance;
            if *balance != 0 {
                let shown = i64::try_from(*balance).unwrap_or(i64::MAX);
                report.count(P, format!("{account}, {currency} minor"), shown);
            }
        }
        for (currency, sum) in per_currency {
            report.require(sum == 0, P, currency, || {
                format!("the ledger adds up to {sum} minor units instead of zero")
            });
        }
        for (currency, (ours, theirs)) in &self.captured {
            let shown = i64::try_from(*theirs).unwrap_or(i64::MAX);
            report.count(
                P,
                format!("captured by the provider, {currency} minor"),
                shown,
            );
            report.require(ours == theirs, P, currency, || {
                format!("we captured {ours} minor units by card, the provider {theirs}")
            });
        }
    }
}
