//! The publisher: records to Kafka, idempotent and in order, through a durable spool when Kafka
//! is away. It knows topics and bytes, not what they mean.
//!
//! A [`Receipt`] is given only for a record that is durable: on every in-sync replica, or synced
//! in the spool, which goes to Kafka in order. A record may arrive twice (its confirmation was
//! late or lost); its event id is then the same.

mod config;
mod drain;
mod error;
mod flights;
mod gate;
mod kafka;
mod metrics;
mod publisher;
mod record;
pub mod spool;
pub mod stock;
#[cfg(feature = "testing")]
pub mod testing;
mod write_version;

pub use config::Config;
pub use error::{OpenError, PublishError};
pub use gate::{GateRefusal, LiveReader, VersionGate, may_write};
pub use publisher::{Health, Publisher};
pub use record::{Receipt, Record};
pub use write_version::WriteVersion;
