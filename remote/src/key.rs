//! The idempotency key of a call: what makes asking twice the same as asking once.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The longest key that Stripe takes.
const KEY_BYTES_MAX: usize = 255;

/// The idempotency key for what is to happen once under a name, such as a task's id.
///
/// The name itself, if it can be a key: up to 255 characters of printable ASCII. Ids of purchases
/// come from outside and may be in any script; the key of such a name is its SHA-256.
pub fn idempotency_key(name: &str) -> String {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if name.len() <= KEY_BYTES_MAX && name.bytes().all(is_printable) {
        return name.to_owned();
    }
    let mut key = "sha256:".to_owned();
    for byte in Sha256::digest(name.as_bytes()) {
        write!(key, "{byte:02x}").expect("a string takes everything");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::idempotency_key;

    #[test]
    fn a_name_that_can_be_a_key_is_the_key() {
        for name in ["p-1:authorise", "it's 1:void", &"x".repeat(255)] {
            assert_eq!(idempotency_key(name), name);
        }
    }

    #[test]
    fn a_name_that_cannot_has_a_key_of_its_own() {
        let long = "x".repeat(256);
        let names = ["ключ-1:authorise", "ключ-2:authorise", "é:void", &long];
        let keys = names.map(idempotency_key);
        for key in &keys {
            assert!(key.len() == 71 && key.is_ascii(), "{key}");
        }
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(idempotency_key(names[0]), keys[0]);
    }
}
