//! The sandbox as its callers meet it: over HTTP, with its journal as the witness.

mod common;
mod faults;
mod idempotency;
mod provider;
