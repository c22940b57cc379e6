//! The storefront over HTTP, as its clients meet it.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod accounts;
mod edge;
mod import;
mod purchases;
mod support;
