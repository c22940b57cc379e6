//! The consumer runtime: exactly-once effects from Kafka topics in a database, and nothing about
//! purchases.
//!
//! A group is a table, a pure function and its wiring. Everything else is here: reading, batching,
//! the one transaction per batch, publishing what follows, tasks, timers, dead letters, rebalances
//! and shutdown. This is a whole group; it counts the visits of pages, each visit once:
//!
//! ```
//! use runtime::{
//!     Answer, Config, Decision, Effects, Group, NoTasks, Outgoing, Record, Refusal, Service, Task,
//!     Timer, Timestamp,
//!     store::{self, Migration},
//! };
//!
//! runtime::table! { pub struct Page in "pages" { key { page: String, } visits: i64, } }
//! runtime::table! { pub struct Visit in "visits" { key { visit_id: String, } page: String, } }
//! runtime::row_sets! { pub struct VisitRows, keys VisitKeys { load pages: Page, load visits: Visit, } }
//!
//! const TABLES: &str = "CREATE TABLE pages (page text PRIMARY KEY, visits bigint NOT NULL);
//!                       CREATE TABLE visits (visit_id text PRIMARY KEY, page text NOT NULL);";
//!
//! struct Visits;
//!
//! impl Group for Visits {
//!     const NAME: &'static str = "visits";
//!     type Event = (String, String); // visit, page
//!     type Fact = std::convert::Infallible; // nothing follows from a visit
//!     type Rows = VisitRows;
//!
//!     fn migrations(&self) -> &'static [Migration] {
//!         &[Migration { number: 1, name: "visits", postgres: TABLES, sqlite: TABLES }]
//!     }
//!     fn topics(&self) -> Vec<String> {
//!         vec!["site.visits.v1".into()] // keyed by page, so that a page has one owner
//!     }
//!     fn publishes(&self) -> Vec<String> {
//!         vec![] // it has no facts to tell
//!     }
//!     fn decode(&self, record: &Record) -> Result<Self::Event, Refusal> {
//!         let text = std::str::from_utf8(record.payload.as_deref().unwrap_or_default());
//!         let pair = text.ok().and_then(|text| text.split_once(' '));
//!         let (visit, page) = pair.ok_or_else(|| Refusal::decode("malformed", "not `visit page`"))?;
//!         Ok((visit.into(), page.into()))
//!     }
//!     fn touches(&self, (visit, page): &Self::Event, keys: &mut VisitKeys) {
//!         keys.visits.insert(visit.clone());
//!         keys.pages.insert(page.clone());
//!     }
//!     fn decide(
//!         &self, rows: &mut VisitRows, (visit, page): &Self::Event, _: Timestamp,
//!         _: &mut Effects<Self::Fact>,
//!     ) -> Result<Decision, Refusal> {
//!         if rows.visits.get(&(visit.clone(),)).is_some() {
//!             return Ok(Decision::Duplicate);
//!         }
//!         let visits = rows.pages.get(&(page.clone(),)).map_or(0, |row| row.visits) + 1;
//!         rows.pages.put(Page { page: page.clone(), visits });
//!         rows.visits.put(Visit { visit_id: visit.clone(), page: page.clone() });
//!         Ok(Decision::Applied)
//!     }
//!     fn answered(&self, task: &Task, _: &Answer) -> Result<Self::Event, Refusal> {
//!         Err(Refusal::decide("unknown_task", &task.kind))
//!     }
//!     fn due(&self, timer: &Timer) -> Result<Self::Event, Refusal> {
//!         Err(Refusal::decide("unknown_timer", &timer.kind))
//!     }
//!     fn encode(&self, fact: &Self::Fact) -> Outgoing {
//!         match *fact {}
//!     }
//! }
//!
//! /// A member, until it is told to stop. Start as many as there are partitions.
//! async fn member() -> Result<(), Box<dyn std::error::Error>> {
//!     let store = store::open("sqlite:///var/lib/visits", Visits::NAME)?;
//!     runtime::migrate(&Visits, store.as_ref()).await?;
//!     let config = Config::new("localhost:9092", Visits::NAME);
//!     let stop = async { drop(tokio::signal::ctrl_c().await) };
//!     Ok(Service::new(Visits, NoTasks, store, config).run(stop).await?)
//! }
//!
//! // The pure part needs neither Kafka nor a database, and can be tested by the thousand.
//! let mut visits = runtime::in_memory::InMemory::new(Visits);
//! let first = ("v1".to_owned(), "home".to_owned());
//! assert_eq!(visits.apply(&first, 0).0, Ok(Decision::Applied));
//! assert_eq!(visits.apply(&first, 1).0, Ok(Decision::Duplicate));
//! assert_eq!(visits.rows().pages.iter().next().map(|page| page.visits), Some(1));
//! ```
//!
//! # What is public
//!
//! What a group needs is at the root of the crate, with [`table!`], [`row_sets!`], [`rows`] and
//! [`store`]. What a program needs around it is [`Service`], [`migrate`], [`Config`], [`probes`],
//! [`status`] and [`metrics`]. What looks in from outside (auditor, command line, tests) has
//! [`bookkeeping::rows`], [`kafka`] and [`in_memory`]. Nothing else is meant to be public: the state
//! machine of a member has no other users, and can change in any release.
pub mod bookkeeping;
mod broker;
pub mod config;
mod dead_letter;
pub mod group;
pub mod in_memory;
mod intake;
pub mod kafka;
mod lane;
mod machine;
mod member;
pub mod metrics;
pub mod partitioner;
pub mod probes;
pub mod record;
pub mod refusal;
pub mod rows;
pub mod service;
#[cfg(debug_assertions)]
pub mod simulated;
mod starting;
pub mod status;
pub mod store;
mod takeover;
pub mod task;
mod topic_check;
mod topic_watch;
mod wait;

pub use config::{Config, Protocol};
pub use group::{Decision, Effects, Group, Timestamp};
pub use record::{Coordinates, Headers, Outgoing, Record};
pub use refusal::{Refusal, Stage};
pub use service::{RunError, Service, migrate};
pub use task::{Answer, Attempt, NewTask, NewTimer, NoTasks, Task, Timer, Worker};
