//! Which partition a key belongs to: murmur2 as Kafka's Java client computes it, and with it every
//! producer that co-partitions.
//!
//! A record elsewhere has another owner than what follows from it: two members would write the rows
//! of one key, each without seeing the other. So it is not applied but set aside.

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;

/// The partition of a key on a topic of `partitions` (at least 1) partitions.
#[must_use]
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    murmur2_of(key) % partitions.max(1)
}

/// What a key's partition is a remainder of: not negative.
#[must_use]
pub fn murmur2_of(key: &[u8]) -> i32 {
    (murmur2(key) & 0x7fff_ffff).cast_signed()
}

fn murmur2(key: &[u8]) -> u32 {
    // A key is far shorter than 4 GiB; the length is folded in as 32 bits by definition.
    let mut hash = SEED ^ u32::try_from(key.len()).unwrap_or(u32::MAX);
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MIX);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MIX) ^ mixed.wrapping_mul(MIX);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition_of};

    /// The vectors of Kafka's own `UtilsTest`.
    #[test]
    fn hashes_are_those_of_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_partition_is_never_negative() {
        for n in 0..1_000 {
            let key = format!("purchase-{n}");
            assert!((0..12).contains(&partition_of(key.as_bytes(), 12)));
        }
    }
}
