//! What runs on real services, started by the harness.

mod consumer_protocol;
mod faults;
mod groups;
mod halts;
mod kafka;
mod missing_topics;
mod postgres;
mod postgres_store;
mod python;
mod readers;
mod registry;
mod registry_away;
mod scale;
mod soak;
mod statements;
mod stripe;
mod trimmed;
mod write_version;
