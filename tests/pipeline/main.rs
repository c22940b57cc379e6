//! The tests that span crates and processes. `in_process` needs nothing installed; `real` runs on
//! services that the harness starts. A scenario that can run on both is called from each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_facts;
mod groups;
mod in_process;
mod real;
mod soak;
mod stores;
mod whole;
