//! The payment provider and the carrier on one machine: Stripe's API in the part that matters, over
//! HTTP, with idempotency keys, faults on request and a synced journal of its own.
//!
//! The journal is the second witness of an audit: [`journal::read`] says what the provider did,
//! whatever the callers believe. A reply is sent only after the record that holds its effect and
//! its idempotency key is on disk, and everything that was replied survives `kill -9`.
//!
//! State of every purchase is kept in memory, about a kilobyte for each that was authorised,
//! captured and handed over; keys are forgotten after their retention. The journal is not
//! compacted: a fresh sandbox is an empty folder.

mod carrier;
pub mod config;
pub mod faults;
mod http;
pub mod journal;
mod provider;
mod service;
mod state;

pub use config::Config;
pub use faults::{Faults, Shares, Span, Storm};
pub use http::run;

/// Why the sandbox does not run, or runs no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is refused; every mistake is named.
    #[error("the configuration of the sandbox is refused: {}", .0.join("; "))]
    Config(Vec<String>),
    /// The journal cannot be opened.
    #[error("open the journal")]
    Journal(#[from] journal::Error),
    /// The journal failed while serving. What was replied is safe; start again to go on.
    #[error("the journal failed: {0}")]
    JournalLost(String),
}

/// The namespace of all ids made here (RFC 9562, version 5).
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x2f5e_90c4_7a1b_5d0e_8c33_b1a6_04de_9f12);
