//! What runs on real services, started by the harness.

mod kafka;
mod postgres;
mod postgres_store;
mod registry;
