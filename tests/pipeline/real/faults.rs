//! The fault suite: one fault after the other on real services, under load, each a test whose name begins
//! with its row in the table of `tests/README.md` and whose first line is what is promised.

mod broker;
mod clocks;
mod damaged;
mod database;
mod database_disk;
mod database_passing;
mod database_schema;
mod ends;
mod fenced;
mod handlers;
mod incidents;
mod kills;
mod machine;
mod network;
mod offsets;
mod owners;
mod poison;
mod provider;
mod registry;
mod replays;
mod spool;
mod spool_kept;
mod storefront;
mod topics;
