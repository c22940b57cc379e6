//! Everything that touches the Kafka client. No other module of this crate names rdkafka.

pub mod admin;
mod copy;
mod headers;
pub mod in_process;
mod options;
mod poll;
mod publisher;
pub mod scan;
mod topic_id;

pub use options::{OWNED_OPTIONS, OptionRefused, check_options};
pub(crate) use poll::{Command, PollEvent, PollThread, lane_of};
pub(crate) use publisher::Publisher;
