//! What runs on real services, started by the harness.

mod bombs;
mod consumer_protocol;
mod faults;
mod groups;
mod halts;
mod hostile_schemas;
mod kafka;
mod missing_topics;
mod outages;
mod pipeline;
mod poison;
mod postgres;
mod postgres_store;
mod python;
mod registry;
mod registry_away;
mod statements;
mod stripe;
mod trimmed;
mod write_version;
