//! Small changes to an input, the same in every run: what the replay adds to the corpus. It sees
//! nothing of the code under test; the engine of `make fuzz` does.

/// Numbers in an order that looks random and is a function of its start (SplitMix64).
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("it is below a usize")
    }
}

/// Bytes at which something changes: ends of ranges, signs, separators of text, marks of frames.
const TELLING: &[u8] = b"\x00\x01\x02\x7f\x80\xfe\xff\x0a\x20\"{}[]:,.-+0189eE\\\xc3\xe2";

/// The input with one to four changes; `other` lends parts of itself.
#[must_use]
pub fn mutated(input: &[u8], other: &[u8], number: u64) -> Vec<u8> {
    let start = (input.iter()).fold(number, |sum, byte| {
        sum.wrapping_mul(0x0100_0000_01B3) ^ u64::from(*byte)
    });
    let mut numbers = Numbers(start);
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(4) {
        change(&mut bytes, other, &mut numbers);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len());
    // Mostly short, so that most of the input stays what it was.
    let longest = 1 << numbers.below(7);
    let end = (at + 1 + numbers.below(longest)).min(bytes.len());
    let telling = TELLING[numbers.below(TELLING.len())];
    match (numbers.below(8), bytes.get_mut(at)) {
        (0, Some(byte)) => *byte ^= 1 << numbers.below(8),
        (1, Some(byte)) => *byte = telling,
        (2, Some(byte)) => *byte = byte.wrapping_add(if numbers.below(2) == 0 { 1 } else { 255 }),
        (3, Some(_)) => drop(bytes.drain(at..end)),
        (4, Some(_)) => {
            let again = bytes[at..end].to_vec();
            bytes.splice(end..end, again);
        }
        (5, Some(_)) => bytes.truncate(end),
        (6, _) if !other.is_empty() => {
            let from = numbers.below(other.len());
            let to = (from + 1 + numbers.below(longest)).min(other.len());
            let place = at.min(bytes.len());
            bytes.splice(place..place, other[from..to].iter().copied());
        }
        _ => bytes.insert(at.min(bytes.len()), telling),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_is_the_same_in_every_run_and_another_for_every_number() {
        let input = b"a purchase of one item, paid by card";
        let mutations: Vec<Vec<u8>> = (0..200)
            .map(|number| mutated(input, b"another seed", number))
            .collect();
        assert_eq!(mutated(input, b"another seed", 7), mutations[7]);
        let mut distinct = mutations.clone();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 180, "{} of 200", distinct.len());
        assert!(
            mutations
                .iter()
                .filter(|bytes| bytes.as_slice() == input)
                .count()
                < 5
        );
    }

    #[test]
    fn nothing_can_be_mutated_too() {
        for number in 0..200 {
            assert!(mutated(b"", b"", number).len() <= 8);
        }
    }
}
