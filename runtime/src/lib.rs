//! The consumer runtime: exactly-once effects from Kafka topics in a database, and nothing about
//! purchases.
pub mod group;
pub mod in_memory;
pub mod record;
pub mod refusal;
pub mod rows;
pub mod store;
pub mod task;

pub use group::{Decision, Effects, Group, Timestamp};
pub use record::{Coordinates, Headers, Outgoing, Record};
pub use refusal::{Refusal, Stage};
pub use task::{Answer, Attempt, NewTask, NewTimer, NoTasks, Task, Timer, Worker};
