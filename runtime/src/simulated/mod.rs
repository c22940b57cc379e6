//! A member without a broker, a disk or a clock of its own, for simulations: whoever drives it says
//! when time passes, what is polled, what arrives at the topics and what is acknowledged.
//!
//! It is the member that is deployed, from its assignment to its lanes; in place of the Kafka client
//! stand [`Topics`] in memory, and in place of the machine's clock a [`Clock`] that stands still. Its
//! database is whatever store it is given, such as a [`crate::store::MemoryStore`]. On a tokio
//! runtime of one thread the same orders then give the same run, to the last step. Like failpoints,
//! it is there in builds with debug assertions only, and in no release.

mod client;
mod clock;
mod polling;
mod process;
mod topics;

pub use clock::Clock;
pub use process::Process;
pub use topics::Topics;
