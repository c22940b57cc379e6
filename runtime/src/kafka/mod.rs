//! Everything that touches the Kafka client. No other module of this crate names rdkafka.

mod accepted;
pub mod admin;
mod copy;
mod damage;
mod ends;
mod flow;
mod headers;
pub mod in_process;
mod joining;
mod options;
mod poll;
mod polling;
mod publisher;
pub mod readers;
mod rebalance;
pub mod scan;
mod told;
mod topic_id;

pub use accepted::{member_refusals, option_refusal};
pub(crate) use damage::{Gap, Trial};
pub(crate) use flow::lane_of;
pub use options::{OWNED_OPTIONS, OptionRefused, check_options};
pub(crate) use poll::{Command, PollEvent, PollThread};
pub(crate) use publisher::Publisher;
