//! Deliberate breaks of the product, one line each, that show whether the tests would notice: a
//! site asks [`on`] whether its break is the one chosen.
//!
//! A crate of its own because every other may name it; it names none. The switch is a compiler flag
//! and no feature, so that no build has it by accident: without `--cfg counterflow_mutants` there is
//! nothing to choose, [`on`] is a constant, and the compiler removes what hangs on it. A build that is
//! optimised as a release refuses the flag.

#[cfg(all(counterflow_mutants, not(debug_assertions)))]
compile_error!("a release has no mutants");

/// Names the mutant that is on, where mutants are compiled in.
pub const VARIABLE: &str = "COUNTERFLOW_MUTANT";

/// Whether the break of this name is the one chosen for this process.
#[cfg(counterflow_mutants)]
#[must_use]
pub fn on(name: &str) -> bool {
    use std::sync::LazyLock;
    static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(VARIABLE).ok());
    CHOSEN.as_deref() == Some(name)
}

#[cfg(not(counterflow_mutants))]
const _: () = assert!(
    !on("any"),
    "what hangs on a mutant is removed by the compiler"
);

/// Never: this build has no mutants.
#[cfg(not(counterflow_mutants))]
#[must_use]
#[inline(always)]
pub const fn on(_name: &str) -> bool {
    false
}

/// A value as it should be, or what the break of this name makes of it.
#[must_use]
#[inline(always)]
pub fn broken<T>(name: &str, right: T, make_wrong: impl FnOnce(T) -> T) -> T {
    if on(name) { make_wrong(right) } else { right }
}
