//! How many different customers there were, from a few kilobytes that say nothing about any of them.
//!
//! HyperLogLog with 2^12 registers of one byte: a standard error of 1.04 / sqrt(4096) = 1.6 %. The
//! estimate is Ertl's (<https://arxiv.org/abs/1702.01284>, algorithm 6), which needs no tables of
//! corrections and has no seam between small and large counts.
//!
//! It is written out here because the registers must be a pure function of the set of customers:
//! libraries that start with a sparse list store bytes that depend on the order of insertion, and
//! then the same facts would leave different rows behind.

use sha2::{Digest, Sha256};

const INDEX_BITS: u32 = 12;
const RANK_BITS: u32 = 64 - INDEX_BITS;

/// How many registers, and bytes, a sketch has.
pub const REGISTERS: usize = 1 << INDEX_BITS;

/// A set that can be added to, merged and counted, but not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch(Vec<u8>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Sketch {
    /// A sketch from its stored registers; none when they are not [`REGISTERS`] registers.
    #[must_use]
    pub fn from_bytes(registers: Vec<u8>) -> Option<Self> {
        let fits = registers.len() == REGISTERS
            && (registers.iter()).all(|rank| u32::from(*rank) <= RANK_BITS + 1);
        fits.then_some(Self(registers))
    }

    /// The registers, to be stored.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds a member; adding it again changes nothing.
    pub fn add(&mut self, member: &str) {
        let digest = Sha256::digest(member.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        let hash = u64::from_be_bytes(first);
        let index = (hash >> RANK_BITS) as usize;
        let rest = hash << INDEX_BITS;
        let rank = rest.leading_zeros().min(RANK_BITS) + 1;
        self.0[index] = self.0[index].max(rank as u8);
    }

    /// Adds all members of another sketch.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// About how many different members were added.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        let mut counts = [0_u32; RANK_BITS as usize + 2];
        for rank in &self.0 {
            counts[usize::from(*rank)] += 1;
        }
        let registers = REGISTERS as f64;
        let highest = f64::from(counts[RANK_BITS as usize + 1]);
        let mut z = registers * tau(1.0 - highest / registers);
        for count in counts[1..=RANK_BITS as usize].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += registers * sigma(f64::from(counts[0]) / registers);
        let alpha = 0.5 / std::f64::consts::LN_2;
        (alpha * registers * registers / z).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sketch;

    fn of(members: std::ops::Range<u32>) -> Sketch {
        let mut sketch = Sketch::default();
        for member in members {
            sketch.add(&format!("customer-{member}"));
        }
        sketch
    }

    #[test]
    fn the_estimate_is_within_five_percent_at_every_size() {
        assert_eq!(Sketch::default().estimate(), 0);
        assert_eq!(of(0..1).estimate(), 1);
        for size in [10, 100, 1_000, 5_000, 10_000, 20_000, 50_000, 200_000] {
            let off = of(0..size).estimate().abs_diff(u64::from(size));
            // Three standard errors of 1.625 %.
            assert!(off * 1_000 <= u64::from(size) * 49, "{size}: off by {off}");
        }
    }

    #[test]
    fn merged_sketches_are_the_sketch_of_everybody() {
        let mut merged = of(0..3_000);
        merged.merge(&of(2_000..5_000));
        assert_eq!(merged, of(0..5_000));
        merged.merge(&of(0..100));
        assert_eq!(merged, of(0..5_000));
    }

    #[test]
    fn stored_registers_are_read_back_and_others_refused() {
        let sketch = of(0..50);
        let bytes = sketch.clone().into_bytes();
        assert_eq!(Sketch::from_bytes(bytes.clone()), Some(sketch));
        assert_eq!(Sketch::from_bytes(bytes[1..].to_vec()), None);
        assert_eq!(Sketch::from_bytes(vec![54; super::REGISTERS]), None);
    }
}
