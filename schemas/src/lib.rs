//! Purchase events and facts: their Avro schemas, and how they are read and written.
pub mod domain;
pub mod ids;
pub mod topics;

pub use domain::{Event, Fact, Purchase};
