//! The storefront: purchases come in over HTTP, are checked, and are answered once they are
//! durable.
//!
//! The process keeps nothing: a purchase id is a function of the account and the idempotency key,
//! and an event id of the purchase id, so a double click, a reload and a retry are the same
//! purchase, whichever process answers. Every refusal is a problem document (RFC 9457).

mod account;
mod admin;
mod body;
mod config;
mod edge;
mod import;
mod key;
mod metrics;
mod order;
mod problem;
mod purchases;
mod read_model;
pub mod request;
mod server;
mod submit;

pub use config::{Accounts, Config};
pub use problem::Problem;
pub use read_model::{Pending, PurchaseStatus, ReadModel, ReadModelAway, TimelineEntry};
pub use server::{Listeners, Storefront, run};
