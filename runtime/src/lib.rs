//! The consumer runtime: exactly-once effects from Kafka topics in a database, and nothing about
//! purchases.
pub mod bookkeeping;
pub mod config;
mod dead_letter;
pub mod group;
pub mod in_memory;
mod intake;
pub mod kafka;
mod lane;
mod member;
pub mod metrics;
pub mod probes;
pub mod record;
pub mod refusal;
pub mod rows;
pub mod service;
pub mod status;
pub mod store;
mod takeover;
pub mod task;

pub use config::{Config, Protocol};
pub use group::{Decision, Effects, Group, Timestamp};
pub use record::{Coordinates, Headers, Outgoing, Record};
pub use refusal::{Refusal, Stage};
pub use service::{RunError, Service, migrate};
pub use task::{Answer, Attempt, NewTask, NewTimer, NoTasks, Task, Timer, Worker};
