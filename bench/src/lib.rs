//! What the measuring programs share: a pipeline on real services, and what its processes use.
//!
//! Separate from the tests, which ask whether something holds; these ask how fast it is, and are
//! worth reading only from an optimised build on an idle machine.

pub mod process;
pub mod world;
