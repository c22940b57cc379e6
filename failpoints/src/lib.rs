//! Where a member can be made to die, panic or hang on purpose, so that tests can show what holds
//! whenever it happens: a site names its step, and does nothing unless this process is armed for it.
//!
//! A crate of its own because whoever has a step may name it; it names nobody. It is compiled in
//! where debug assertions are: in what tests run, and in no release. There [`at`] is empty.

mod armed;
mod clock;
mod step;

pub use step::Step;

/// Arms a process: `STEP:HIT[:ACTION]`, several behind commas. `committed:3` dies at the third hit of
/// that step; `deciding:40:panic` panics at every fortieth; `fetched:5:sleep=8000` does not go on for
/// so many milliseconds, once, at the fifth; `begun:9:exhaust` has no memory left at the ninth.
pub const VARIABLE: &str = "COUNTERFLOW_FAILPOINT";

/// Names a file that says by how many microseconds the clock of this process is wrong, now.
pub const CLOCK_VARIABLE: &str = "COUNTERFLOW_CLOCK_FILE";

/// Whether this build has them.
pub const COMPILED_IN: bool = cfg!(debug_assertions);

/// Here is a step: what this process is armed for happens now.
#[cfg(debug_assertions)]
pub fn at(step: Step) {
    armed::at(step);
}

/// Nothing: this build has no failpoints.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn at(_step: Step) {}

// What hangs on a failpoint is removed by the compiler: a function that can be called while compiling
// reads no environment and ends no process.
#[cfg(not(debug_assertions))]
const _: () = at(Step::Fetched);

/// By how many microseconds the clock of this process is made wrong.
#[cfg(debug_assertions)]
#[must_use]
pub fn clock_error_micros() -> i64 {
    clock::error_micros()
}

/// A release has the machine's clock.
#[cfg(not(debug_assertions))]
#[must_use]
#[inline(always)]
pub const fn clock_error_micros() -> i64 {
    0
}
