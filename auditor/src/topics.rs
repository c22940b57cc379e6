//! The topics under audit: how many partitions, where each began and ended, and what their records
//! weigh against each other.

use std::collections::BTreeMap;

use runtime::kafka::scan::{ScanError, Scanner};
use schemas::topics;
use sha2::{Digest, Sha256};

use crate::{AuditError, Group};

/// The topics, in the order in which a shard reads them.
pub(crate) const ALL: [&str; 5] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::RESERVATIONS,
    topics::SHIPMENTS,
    topics::STOCK,
];

/// The bounds of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    /// The first offset that is still there.
    pub(crate) first: i64,
    /// Where it ended before the first database was read: what is behind may be younger than what
    /// the databases say.
    pub(crate) noted_end: i64,
}

/// All partitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) partitions: BTreeMap<&'static str, i32>,
    pub(crate) bounds: BTreeMap<(&'static str, i32), Bounds>,
    /// The same of each group's dead-letter topic, by partition; none where there is no such topic.
    pub(crate) dead_letters: BTreeMap<Group, Vec<Bounds>>,
    /// The ids of topics, where they were asked for and the cluster tells them.
    pub(crate) ids: BTreeMap<String, String>,
}

impl Layout {
    /// Asks Kafka. Ids are asked for before, so what is made anew in between is another topic than
    /// the one whose id is known.
    pub(crate) fn ask(
        scanner: &Scanner,
        ids: BTreeMap<String, String>,
    ) -> Result<Self, AuditError> {
        let mut layout = Self {
            ids,
            ..Self::default()
        };
        for topic in ALL {
            let bounds = bounds(scanner, topic).map_err(unreadable)?;
            layout.partitions.insert(topic, count(&bounds));
            let numbered = (0..).zip(bounds);
            (layout.bounds).extend(numbered.map(|(partition, of)| ((topic, partition), of)));
        }
        for group in Group::ALL {
            let bounds = match bounds(scanner, &group.dead_letter_topic()) {
                Err(ScanError::NoSuchTopic(_)) => Vec::new(),
                bounds => bounds.map_err(unreadable)?,
            };
            layout.dead_letters.insert(group, bounds);
        }
        Ok(layout)
    }

    /// The id of a topic.
    pub(crate) fn id_of(&self, topic: &str) -> Option<&str> {
        self.ids.get(topic).map(String::as_str)
    }

    /// The bounds of a partition of any topic; none when there is no such partition.
    pub(crate) fn bounds_of(&self, topic: &str, partition: i32) -> Option<Bounds> {
        let of_all = ALL.into_iter().find(|one| *one == topic);
        if let Some(topic) = of_all {
            return self.bounds.get(&(topic, partition)).copied();
        }
        let mut groups = self.dead_letters.iter();
        let (_, bounds) = groups.find(|(group, _)| group.dead_letter_topic() == topic)?;
        bounds.get(usize::try_from(partition).ok()?).copied()
    }

    /// The bounds of a group's dead-letter topic, by partition.
    pub(crate) fn dead_letters(&self, group: Group) -> &[Bounds] {
        self.dead_letters.get(&group).map_or(&[], Vec::as_slice)
    }

    /// As many shards as the widest topic has partitions.
    pub(crate) fn shards(&self) -> i32 {
        self.partitions.values().copied().max().unwrap_or(1)
    }

    /// The bounds of a partition.
    pub(crate) fn of(&self, topic: &'static str, partition: i32) -> Bounds {
        self.bounds
            .get(&(topic, partition))
            .copied()
            .unwrap_or_default()
    }

    /// How many records there are, as far as offsets tell.
    pub(crate) fn records(&self) -> u64 {
        let records = (self.bounds.values()).map(|bounds| bounds.noted_end - bounds.first);
        records.sum::<i64>().unsigned_abs()
    }
}

/// The bounds of every partition of a topic.
fn bounds(scanner: &Scanner, topic: &str) -> Result<Vec<Bounds>, ScanError> {
    let of = |partition| {
        let (first, noted_end) = scanner.bounds(topic, partition)?;
        Ok(Bounds { first, noted_end })
    };
    (0..scanner.partitions(topic)?).map(of).collect()
}

fn count(bounds: &[Bounds]) -> i32 {
    i32::try_from(bounds.len()).unwrap_or(i32::MAX)
}

pub(crate) fn unreadable(error: ScanError) -> AuditError {
    AuditError::Topics(error.to_string())
}

/// 64 bits of what records say, to tell same from other; a missing part differs from an empty one.
pub(crate) fn digest(parts: &[Option<&[u8]>]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        let length = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(
            digest(&[Some(b"ab"), Some(b"c")]),
            digest(&[Some(b"a"), Some(b"bc")])
        );
        assert_ne!(digest(&[None]), digest(&[Some(b"")]));
    }
}
