//! What the tests stand on: real services started by the test itself, an in-process Kafka, our own
//! processes under control, and faults. It is a crate of its own so that every test program, in
//! whichever package, uses the same one. What stays true: nothing is skipped because a service is
//! missing, nothing listens beyond loopback, and nothing outlives the test program that started it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a harness fails the test that uses it, by panicking, and says why on the test's own output"
)]

pub mod wait;

pub mod disk;
mod installed;
mod ports;
mod reaper;
mod server;
pub mod strange;

pub mod broker;
pub mod kafka;
pub mod mock;
pub mod postgres;
pub mod probe;
pub mod processes;
pub mod proxy;
pub mod records;
pub mod registry;
pub mod stripe_mock;

pub use broker::Broker;
pub use installed::python_clients;
pub use ports::free as free_port;
pub use processes::Processes;
pub use wait::{eventually, within};
