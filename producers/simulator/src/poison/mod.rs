//! Records that must be set aside: a table of what is wrong with each, and the reason for which
//! readers have to say so. Every one has a purchase id of its own, so that it can hurt nothing.
//!
//! The bytes are written by hand: the encoder, rightly, does not make them.

mod datum;
mod facts;
mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use client::Record;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::{Encoder, Purchase};

use datum::Datum;
use table::Row;

static ENCODER: LazyLock<Encoder> = LazyLock::new(Encoder::new);

/// A record that must be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// What is wrong with it.
    pub kind: &'static str,
    /// The reason in the dead letter.
    pub reason: &'static str,
    /// The record.
    pub record: Record,
}

/// Magic and fingerprint.
const FRAME_BYTES: usize = 10;

impl Poison {
    /// How many kinds there are.
    #[must_use]
    pub fn kinds() -> usize {
        kinds().count()
    }

    /// The kind of that number, made out of a purchase of version 3.
    #[must_use]
    pub fn of(which: usize, base: &Purchase, random: &mut impl Rng) -> Self {
        let mut rows = kinds().cycle();
        let (kind, reason, spoil) = rows
            .nth(which % Self::kinds())
            .expect("the tables have rows");
        let encoded = ENCODER
            .encode_purchase(base, 3)
            .expect("simulated purchases are valid");
        let mut draft = Draft {
            record: encoded.into(),
            base: base.clone(),
            chance: random.random(),
        };
        spoil(&mut draft);
        Self {
            kind,
            reason,
            record: draft.record,
        }
    }
}

/// What can be wrong: with purchases, and with facts.
fn kinds() -> impl Iterator<Item = &'static Row> + Clone {
    table::TABLE.iter().chain(facts::TABLE)
}

/// A good record on its way to being spoilt.
pub(super) struct Draft {
    record: Record,
    base: Purchase,
    chance: u32,
}

impl Draft {
    fn payload(&mut self) -> &mut Vec<u8> {
        self.record.payload.get_or_insert_default()
    }

    fn header(&mut self, name: &str, value: &[u8]) {
        self.record.headers.retain(|(known, _)| known != name);
        (self.record.headers).push((name.to_owned(), Some(value.to_vec())));
    }

    /// Ends somewhere before its end, and not before its frame begins.
    fn cut_short(&mut self) {
        let cut = 2 + self.chance as usize % (self.payload().len() - 2);
        self.payload().truncate(cut);
    }

    /// Names the schema by an id of a registry, as Confluent's clients do.
    fn named_by_prefix(&mut self, id: u32) {
        let prefix = [&[0][..], &id.to_be_bytes()[..]].concat();
        self.payload().splice(..FRAME_BYTES, prefix);
    }

    /// Makes the payload so long, with bytes that no compression makes shorter.
    fn noise_up_to(&mut self, bytes: usize) {
        let mut noise = StdRng::seed_from_u64(u64::from(self.chance));
        self.payload().resize_with(bytes, || noise.random::<u8>());
    }

    /// Writes the datum by hand, with something changed.
    fn datum(&mut self, change: impl FnOnce(&mut Datum)) {
        let mut datum = Datum::of(&self.base);
        change(&mut datum);
        self.payload().truncate(FRAME_BYTES);
        let bytes = datum.bytes();
        self.payload().extend(bytes);
    }
}
