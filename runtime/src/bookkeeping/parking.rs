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
    /// A record of a key is parked.
    pub(crate) fn park(&mut self, key: &[u8], min_reader: u32) {
        let mut draft = Draft::of(self);
        draft.park(key, min_reader);
        let changes = draft.into_changes();
        self.apply(changes);
    }

    /// Takes in what a batch has changed.
    pub(crate) fn apply(&mut self, changes: ParkingChanges) {
        for (key, waiting) in changes.0 {
            match waiting {
                Some(waiting) => self.keys.insert(key, waiting),
                None => self.keys.remove(&key),
            };
        }
    }

    /// How many keys wait.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a build that reads up to `reader_version` can read some of what is parked.
    #[must_use]
    pub(crate) fn any_readable(&self, reader_version: u32) -> bool {
        self.keys
            .values()
            .any(|waiting| waiting.lowest <= reader_version)
    }
}

/// What a batch parks and reads again, over what was parked before: a batch must not cost a copy of
/// all keys, and must not show before it is committed.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    before: Option<&'a ParkedKeys>,
    changed: BTreeMap<Vec<u8>, Option<Waiting>>,
}

/// What a committed batch has changed.
#[derive(Debug, Default)]
pub(crate) struct ParkingChanges(BTreeMap<Vec<u8>, Option<Waiting>>);

impl<'a> Draft<'a> {
    /// Nothing changed yet.
    pub(crate) fn of(before: &'a ParkedKeys) -> Self {
        Self {
            before: Some(before),
            changed: BTreeMap::new(),
        }
    }

    fn get(&self, key: &[u8]) -> Option<Waiting> {
        match self.changed.get(key) {
            Some(waiting) => *waiting,
            None => (self.before).and_then(|before| before.keys.get(key).copied()),
        }
    }

    /// A record of a key is parked.
    pub(crate) fn park(&mut self, key: &[u8], min_reader: u32) {
        let mut waiting = self.get(key).unwrap_or(Waiting {
            records: 0,
            min_reader: 0,
            lowest: min_reader,
        });
        waiting.records += 1;
        waiting.min_reader = waiting.min_reader.max(min_reader);
        waiting.lowest = waiting.lowest.min(min_reader);
        self.changed.insert(key.to_vec(), Some(waiting));
    }

    /// A record of a key is read after all.
    pub(crate) fn unpark(&mut self, key: &[u8]) {
        if let Some(mut waiting) = self.get(key) {
            waiting.records -= 1;
            let left = (waiting.records > 0).then_some(waiting);
            self.changed.insert(key.to_vec(), left);
        }
    }

    /// The reader version that a key waits for, if a record of it is parked.
    #[must_use]
    pub(crate) fn waits_for(&self, key: &[u8]) -> Option<u32> {
        self.get(key).map(|waiting| waiting.min_reader)
    }

    /// What is to be taken in once the batch is committed.
    #[must_use]
    pub(crate) fn into_changes(self) -> ParkingChanges {
        ParkingChanges(self.changed)
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
        let mut draft = Draft::of(&keys);
        assert_eq!(draft.waits_for(b"a"), Some(3));
        draft.unpark(b"a");
        assert_eq!(draft.waits_for(b"a"), Some(3));
        draft.unpark(b"a");
        assert_eq!(draft.waits_for(b"a"), None);
        assert_eq!(keys.len(), 1, "nothing shows before the commit");
        let mut draft = Draft::of(&keys);
        draft.unpark(b"a");
        draft.unpark(b"a");
        let changes = draft.into_changes();
        keys.apply(changes);
        assert_eq!(keys.len(), 0);
    }

    #[test]
    fn the_first_of_a_key_can_be_read_before_the_last() {
        let mut keys = ParkedKeys::default();
        keys.park(b"a", 3);
        keys.park(b"a", 4);
        assert!(keys.any_readable(3));
        assert_eq!(Draft::of(&keys).waits_for(b"a"), Some(4));
    }

    #[test]
    fn another_key_does_not_wait() {
        let mut keys = ParkedKeys::default();
        keys.park(b"a", 3);
        assert_eq!(Draft::of(&keys).waits_for(b"b"), None);
        assert!(!keys.any_readable(2));
        assert!(keys.any_readable(3));
    }

    #[test]
    fn a_batch_sees_what_it_has_parked_itself() {
        let mut draft = Draft::default();
        draft.park(b"a", 3);
        assert_eq!(draft.waits_for(b"a"), Some(3));
        draft.unpark(b"a");
        assert_eq!(draft.waits_for(b"a"), None);
    }
}
