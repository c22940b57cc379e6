//! The auditor: proves from topics and stores, and from nothing else, that nothing was lost,
//! nothing doubled and nothing invented.
//!
//! It believes no metric and asks no process. What a topic holds is compared with what each group's
//! database holds and, when they are at hand, with two further witnesses: the provider's own
//! journal and the journal of intents of whoever published. The groups' own rules are not used to
//! judge the groups: what must hold is stated here once more.
//!
//! **Order of looking.** First the ends of the topics are noted, then each database is read in one
//! snapshot, then the topics are read to where they end by then. A record behind the noted end may
//! be younger than a snapshot, so its purchase counts as open; everything else must agree exactly,
//! also while the pipeline runs. What a topic has lost to its retention is judged by its own time:
//! only what the oldest remaining record is too young for counts as not provable any more.
//!
//! **Memory.** What the databases and journals say is first sorted into temporary files (about 5 kB per
//! purchase) by shard and, within a shard, by part: so many that a part has some thousand purchases.
//! What stands on the topics is sorted likewise, one shard at a time. Then one part at a time is held
//! in memory: a few tens of kB for each of its purchases. Besides that there are 16 MiB of prefetched
//! records, the positions, what analytics counts of one shard, one line per SKU and 100 bytes per dead
//! letter: none of it grows with the number of purchases.

mod baskets;
mod case;
mod checks;
mod columns;
mod dead_letters;
mod evidence;
mod files;
mod follow;
mod group;
mod intents;
mod kept;
mod look;
mod memory;
mod moves;
mod parts;
mod poison;
mod progress;
mod provider;
mod records;
mod rejections;
mod report;
mod said;
mod shard;
mod spill;
mod stock;
mod stores;
mod tables;
mod telling;
mod topic_ids;
mod topics;
mod totals;
mod unexplained;
mod witness;
mod work;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use codec::Codec;
use runtime::{
    Timestamp,
    store::{Store, StoreError},
};

pub use follow::{Follower, Round, State};
pub use group::Group;
pub use look::audit;
pub use progress::Progress;
pub use report::{Breach, CLEAN, Findings, Promise, Report};
pub use telling::Finding;
pub use unexplained::{Unexplained, Waiting};

/// The five groups' databases.
#[derive(Clone)]
pub struct Stores {
    /// Payment's.
    pub payment: Arc<dyn Store>,
    /// Inventory's.
    pub inventory: Arc<dyn Store>,
    /// Dispatch's.
    pub dispatch: Arc<dyn Store>,
    /// Analytics'.
    pub analytics: Arc<dyn Store>,
    /// The timeline's.
    pub timeline: Arc<dyn Store>,
}

impl Stores {
    /// The database of a group.
    #[must_use]
    pub fn of(&self, group: Group) -> &Arc<dyn Store> {
        match group {
            Group::Payment => &self.payment,
            Group::Inventory => &self.inventory,
            Group::Dispatch => &self.dispatch,
            Group::Analytics => &self.analytics,
            Group::Timeline => &self.timeline,
        }
    }
}

/// What is looked at.
#[derive(Clone)]
pub struct Inputs {
    /// Kafka's `bootstrap.servers`.
    pub bootstrap_servers: String,
    /// librdkafka options that are passed through.
    pub kafka_options: BTreeMap<String, String>,
    /// The databases.
    pub stores: Stores,
    /// How records are read.
    pub codec: Codec,
    /// The folder of the provider sandbox's journal: the second witness on money and shipments.
    pub provider_journal: Option<PathBuf>,
    /// The journal of intents of whoever published: the witness on what was accepted.
    pub intents: Option<PathBuf>,
    /// How long a purchase may be under way before it counts as left unexplained.
    pub grace: Duration,
    /// The folder in which temporary files are made; that of the system without it.
    pub scratch: Option<PathBuf>,
    /// How long the groups keep published events: a fact older than this needs no journal row.
    pub journal_retention: Duration,
    /// The time, microseconds since the epoch.
    pub now: Timestamp,
}

/// Why the audit could not look. It says nothing about the promises.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A topic cannot be read.
    #[error("read the topics: {0}")]
    Topics(String),
    /// A database cannot be read.
    #[error("read the database of {group}")]
    Store {
        /// Whose.
        group: &'static str,
        /// What it says.
        source: StoreError,
    },
    /// The provider's journal cannot be read.
    #[error("read the provider's journal: {0}")]
    ProviderJournal(String),
    /// The journal of intents cannot be read.
    #[error("read the journal of intents: {0}")]
    Intents(String),
    /// The temporary files cannot be written or read.
    #[error("sort what was read into temporary files")]
    Scratch(#[from] std::io::Error),
    /// It was told to stop too early.
    #[error("nothing was looked at before it was told to stop")]
    Stopped,
}
