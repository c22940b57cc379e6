//! Keys of which a record is parked: the records behind it are parked too, so that after the
//! upgrade they are read in order.

use std::collections::BTreeMap;

/// The parked keys of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ParkedKeys {
    keys: BTreeMap<Vec<u8>, Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    records: usize,
    /// What the last of them need.
    min_reader: u32,
    /// What the first of them may be content with.
    lowest: u32,
}

impl ParkedKeys {
    /// A record of a key was parked.
    pub(crate) fn park(&mut self, key: &[u8], min_reader: u32) {
        let waiting = self.keys.entry(key.to_vec()).or_insert(Waiting {
            records: 0,
            min_reader: 0,
            lowest: min_reader,
        });
        waiting.records += 1;
        waiting.min_reader = waiting.min_reader.max(min_reader);
        waiting.lowest = waiting.lowest.min(min_reader);
    }

    /// A record of a key was read after all.
    pub(crate) fn unpark(&mut self, key: &[u8]) {
        if let Some(waiting) = self.keys.get_mut(key) {
            waiting.records -= 1;
            if waiting.records == 0 {
                self.keys.remove(key);
            }
        }
    }

    /// The reader version that a key waits for, if a record of it is parked.
    #[must_use]
    pub(crate) fn waits_for(&self, key: &[u8]) -> Option<u32> {
        self.keys.get(key).map(|waiting| waiting.min_reader)
    }

    /// How many keys wait.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key waits.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a build that reads up to `reader_version` can read some of what is parked.
    #[must_use]
    pub(crate) fn any_readable(&self, reader_version: u32) -> bool {
        self.keys
            .values()
            .any(|waiting| waiting.lowest <= reader_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_waits_until_its_last_parked_record_is_read() {
        let mut keys = ParkedKeys::default();
        keys.park(b"a", 3);
        keys.park(b"a", 2);
        assert_eq!(keys.waits_for(b"a"), Some(3));
        keys.unpark(b"a");
        assert_eq!(keys.waits_for(b"a"), Some(3));
        keys.unpark(b"a");
        assert!(keys.is_empty());
    }

    #[test]
    fn the_first_of_a_key_can_be_read_before_the_last() {
        let mut keys = ParkedKeys::default();
        keys.park(b"a", 3);
        keys.park(b"a", 4);
        assert!(keys.any_readable(3));
        assert_eq!(keys.waits_for(b"a"), Some(4));
    }

    #[test]
    fn another_key_does_not_wait() {
        let mut keys = ParkedKeys::default();
        keys.park(b"a", 3);
        assert_eq!(keys.waits_for(b"b"), None);
        assert!(!keys.any_readable(2));
        assert!(keys.any_readable(3));
    }
}
