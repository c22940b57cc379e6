//! Shops that behave as shops do: mixed schema versions, repeats, contradictions, late and
//! reordered events, declines, empty shelves, cancellations, bursts, and records that no reader
//! can read.
//!
//! What is published is a function of the seed ([`shop::Shop`]); when and whether it arrives is
//! not. What is expected of it is said in the [`Report`] and, when asked for, in a synced
//! [`journal`] that holds every intent before it is acted on.

pub mod action;
pub mod catalogue;
mod clock;
mod direct;
mod http;
pub mod journal;
pub mod plan;
pub mod poison;
mod progress;
pub mod report;
mod run;
pub mod shop;

pub use clock::{Clock, MachineClock};
pub use plan::{Mix, Plan, Shares};
pub use report::Report;
pub use run::{Error, Ways, run, run_by};
