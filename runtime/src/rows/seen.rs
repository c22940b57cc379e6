//! Which events a row has taken in, kept in the row itself.
//!
//! A set and not a count, so that an event which comes again, however late, is known again. It holds
//! digests and not ids, so that a row is small whatever the ids look like, and holds them in order,
//! so that the same events leave the same bytes behind in whatever order they came.

use sha2::{Digest, Sha256};

use crate::store::{Cell, Cells, Kind};

/// Of each id's SHA-256: two of the ids that one row can hold never share so much of it.
const DIGEST_BYTES: usize = 16;

/// A set of ids as a column: 16 bytes of each id's SHA-256, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen(Vec<u8>);

impl Seen {
    /// Adds an id; false when it was there.
    pub fn add(&mut self, id: &str) -> bool {
        let digest = Sha256::digest(id.as_bytes());
        let digest = &digest[..DIGEST_BYTES];
        let place = (self.0.chunks_exact(DIGEST_BYTES)).position(|known| known >= digest);
        let index = place.map_or(self.0.len(), |place| place * DIGEST_BYTES);
        if self.0.get(index..index + DIGEST_BYTES) == Some(digest) {
            return false;
        }
        self.0.splice(index..index, digest.iter().copied());
        true
    }

    /// How many ids it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len() / DIGEST_BYTES
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Cell for Seen {
    const KIND: Kind = Kind::Bytes;

    fn push(&self, column: &mut Cells) {
        self.0.push(column);
    }

    fn take(column: &mut Cells, row: usize) -> Option<Self> {
        let bytes = Vec::<u8>::take(column, row)?;
        bytes
            .len()
            .is_multiple_of(DIGEST_BYTES)
            .then_some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once() {
        let mut seen = Seen::default();
        assert!(seen.is_empty());
        for id in ["b", "a", "c"] {
            assert!(seen.add(id));
            assert!(!seen.add(id));
        }
        assert_eq!(seen.len(), 3);
        assert!(!seen.add("b"));
    }

    #[test]
    fn the_order_in_which_ids_came_leaves_no_trace() {
        let of = |ids: &[&str]| {
            let mut seen = Seen::default();
            ids.iter().for_each(|id| assert!(seen.add(id)));
            seen
        };
        let expected = of(&["a", "b", "c", "d"]);
        assert_eq!(of(&["d", "b", "a", "c"]), expected);
        assert_eq!(of(&["c", "d", "b", "a"]), expected);
    }

    #[test]
    fn a_stored_set_is_read_back_and_torn_bytes_are_not_taken_for_one() {
        let mut seen = Seen::default();
        seen.add("a");
        let mut column = Cells::new(Seen::KIND);
        seen.push(&mut column);
        assert_eq!(Seen::take(&mut column, 0), Some(seen));
        let mut torn = Cells::Bytes(vec![Some(vec![0; DIGEST_BYTES + 1])]);
        assert_eq!(Seen::take(&mut torn, 0), None);
    }
}
