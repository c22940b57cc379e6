//! A task's call over HTTP to a service that is not ours, and what holds for all of them.
//!
//! A call is made once per attempt: no redirect is followed, and nothing is repeated but by the
//! task, which counts. A reply is read up to a limit. What is not a reply is [`Later`], never a
//! failure: it may have had its effect. What a reply means is for the group that asked; which words
//! of it are kept is decided here ([`bounded`]).

mod client;
mod exchange;
mod key;
mod later;

pub use client::{Remote, RemoteConfig, RemoteError};
pub use exchange::Heard;
pub use key::idempotency_key;
pub use later::{Later, is_older, unreadable};

/// A foreign service's words are stored, shown and stated: short, and of visible ASCII alone,
/// because a fact with anything else in it would be refused by everybody.
pub fn bounded(word: &str) -> String {
    let visible = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let short: String = word.chars().filter(visible).take(100).collect();
    short.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn a_foreign_word_is_short_and_visible() {
        assert_eq!(bounded(" caf\u{e9}\n closed\u{202e} "), "caf closed");
        assert_eq!(bounded(&"x".repeat(1_000)).len(), 100);
    }
}
