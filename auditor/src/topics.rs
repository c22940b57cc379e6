//! The topics under audit: how many partitions, where each began and ended, and what their records
//! weigh against each other.

use std::collections::BTreeMap;

use runtime::kafka::scan::{ScanError, Scanner};
use schemas::topics;
use sha2::{Digest, Sha256};

use crate::AuditError;

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
}

impl Layout {
    /// Asks Kafka.
    pub(crate) fn ask(scanner: &Scanner) -> Result<Self, AuditError> {
        let mut layout = Self::default();
        for topic in ALL {
            let partitions = scanner.partitions(topic).map_err(unreadable)?;
            layout.partitions.insert(topic, partitions);
            for partition in 0..partitions {
                let (first, noted_end) = scanner.bounds(topic, partition).map_err(unreadable)?;
                let bounds = Bounds { first, noted_end };
                layout.bounds.insert((topic, partition), bounds);
            }
        }
        Ok(layout)
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
