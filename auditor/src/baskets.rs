//! What is counted of baskets: items, items bought together, and how many different customers
//! there were, per window of one shard. Once as analytics has it, and once as the topics say.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{topics::digest, witness::Witness};

/// The names of an item's six sums.
pub(crate) const SUMS: [&str; 6] = [
    "ordered units",
    "ordered minor",
    "captured units",
    "captured minor",
    "refunded units",
    "refunded minor",
];

/// Size and first instant of a window.
pub(crate) type Window = (i64, i64);

/// A sketch of a set of customers has 2^12 registers. A customer's hash is the first eight bytes of
/// the SHA-256 of the id; its first twelve bits choose the register, which keeps the longest run of
/// zeros at the beginning of the rest, plus one.
const INDEX_BITS: u32 = 12;

/// Everything that is counted of baskets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Baskets {
    /// By item and currency.
    pub(crate) items: BTreeMap<(Window, i64, String), [i64; 6]>,
    /// By the two items, the lower first.
    pub(crate) pairs: BTreeMap<(Window, (i64, i64)), i64>,
    /// A digest of the registers.
    pub(crate) customers: BTreeMap<Window, u64>,
}

impl Baskets {
    /// Takes in what analytics says.
    pub(crate) fn hear(&mut self, witness: Witness) {
        match witness {
            Witness::Item {
                size,
                start,
                item_id,
                currency,
                sums,
            } => self.add_item((size, start), item_id, &currency, sums),
            Witness::Pair {
                size,
                start,
                items,
                baskets,
            } => *self.pairs.entry(((size, start), items)).or_default() += baskets,
            Witness::Customers {
                size,
                start,
                registers,
            } => {
                self.customers.insert((size, start), registers);
            }
            _ => {}
        }
    }

    pub(crate) fn add_item(
        &mut self,
        window: Window,
        item_id: i64,
        currency: &str,
        more: [i64; 6],
    ) {
        let sums = self
            .items
            .entry((window, item_id, currency.to_owned()))
            .or_default();
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Counts every two of these items once.
    pub(crate) fn add_pairs(&mut self, window: Window, items: &[i64]) {
        for (index, one) in items.iter().enumerate() {
            for other in &items[index + 1..] {
                let pair = (*one.min(other), *one.max(other));
                *self.pairs.entry((window, pair)).or_default() += 1;
            }
        }
    }
}

/// The registers of a sketch as the ids of customers make them.
#[derive(Debug, Clone)]
pub(crate) struct Registers(Vec<u8>);

impl Default for Registers {
    fn default() -> Self {
        Self(vec![0; 1 << INDEX_BITS])
    }
}

impl Registers {
    pub(crate) fn add(&mut self, customer_id: &str) {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(customer_id));
        let hash = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let index = (hash >> (u64::BITS - INDEX_BITS)) as usize;
        let run = (hash << INDEX_BITS)
            .leading_zeros()
            .min(u64::BITS - INDEX_BITS);
        let rank = u8::try_from(run + 1).unwrap_or(u8::MAX);
        self.0[index] = self.0[index].max(rank);
    }

    pub(crate) fn digest(&self) -> u64 {
        digest(&[Some(&self.0)])
    }
}

#[cfg(test)]
mod tests {
    use analytics::sketch::Sketch;

    use super::{Baskets, Registers};

    #[test]
    fn registers_are_those_that_analytics_keeps() {
        let (mut mine, mut theirs) = (Registers::default(), Sketch::default());
        for n in 0..5_000 {
            let customer = format!("customer-{n}");
            mine.add(&customer);
            theirs.add(&customer);
        }
        assert_eq!(mine.0, theirs.into_bytes());
    }

    #[test]
    fn every_two_items_are_a_pair_the_lower_first() {
        let mut baskets = Baskets::default();
        baskets.add_pairs((1, 0), &[5, 2, 9]);
        let pairs: Vec<_> = baskets.pairs.keys().map(|(_, pair)| *pair).collect();
        assert_eq!(pairs, [(2, 5), (2, 9), (5, 9)]);
    }
}
