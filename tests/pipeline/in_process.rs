//! What runs on the in-process cluster alone: no service, no installation, seconds.

mod demo;
mod groups;
mod mock_kafka;
mod pipeline;
mod proxy;
mod sqlite_store;
