//! Which purchases are looked at together: a shard's are cut into parts by their ids, small enough that
//! one part fits into memory however many purchases there are.

use runtime::partitioner::{murmur2_of, partition_of};

use crate::{files::FILES_MAX, topics::Layout};

/// About as many records of a part, some two thousand purchases.
const PART_RECORDS: i64 = 16_384;

/// How everything is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) shards: i32,
    /// Of every shard.
    pub(crate) parts: i32,
}

impl Parts {
    /// As many parts as the fullest shard needs. What a topic has lost to its retention counts too:
    /// the databases still have it.
    pub(crate) fn of(layout: &Layout) -> Self {
        let shards = layout.shards();
        let records = |shard| -> i64 {
            let of_shard = layout.bounds.iter().filter(|((_, at), _)| *at == shard);
            of_shard.map(|(_, bounds)| bounds.noted_end).sum()
        };
        let fullest = (0..shards).map(records).max().unwrap_or_default();
        let wanted = (fullest / PART_RECORDS).saturating_add(1);
        // One file more than parts.
        let files_max = i64::try_from(FILES_MAX).unwrap_or(i64::MAX);
        let most = (files_max / i64::from(shards.max(1)) - 1).max(1);
        let parts = i32::try_from(wanted.min(most)).unwrap_or(1);
        Self { shards, parts }
    }

    /// No parts: so many files by key.
    pub(crate) fn whole(shards: i32) -> Self {
        Self { shards, parts: 1 }
    }

    /// The shard of a key.
    pub(crate) fn shard_of(self, key: &[u8]) -> i32 {
        partition_of(key, self.shards)
    }

    /// The part of a key, whichever shard it stands in: by the rest of the hash that tells the shard.
    pub(crate) fn part_of(self, key: &[u8]) -> i32 {
        (murmur2_of(key) / self.shards.max(1)) % self.parts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{PART_RECORDS, Parts};
    use crate::topics::{ALL, Bounds, Layout};

    #[test]
    fn a_part_has_as_much_in_a_large_world_as_in_a_small_one() {
        for (noted_end, parts) in [(0, 1), (PART_RECORDS - 1, 1), (PART_RECORDS * 13, 14)] {
            let mut layout = Layout::default();
            layout.partitions.insert(ALL[0], 12);
            let bounds = Bounds {
                first: 0,
                noted_end,
            };
            layout.bounds.insert((ALL[0], 3), bounds);
            assert_eq!(Parts::of(&layout), Parts { shards: 12, parts });
        }
    }

    #[test]
    fn purchases_of_a_shard_are_spread_over_its_parts() {
        let parts = Parts {
            shards: 12,
            parts: 8,
        };
        let mut counts: BTreeMap<(i32, i32), i32> = BTreeMap::new();
        for number in 0..9_600 {
            let key = format!("purchase-{number}").into_bytes();
            let at = (parts.shard_of(&key), parts.part_of(&key));
            *counts.entry(at).or_default() += 1;
        }
        assert_eq!(counts.len(), 12 * 8);
        assert!(counts.values().all(|count| (50..200).contains(count)));
    }
}
