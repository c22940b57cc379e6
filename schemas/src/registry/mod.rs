//! The schema registry, spoken to in Confluent's REST API.
//!
//! Separate because it is the only part of this crate that leaves the process. What was learnt
//! once is kept in memory and on disk, so that the pipeline goes on while the registry is away.
//! An id means one schema for ever: an id that changes is refused loudly. Only the registry's own
//! word makes a record poison: that a schema does not exist, or that it is none for us to read, as
//! one that is too long. Anything else makes it wait.

mod cache;
mod http;
mod limits;
mod lookup;
mod subjects;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use limits::{DEPTH_MAX, FIELDS_MAX, TEXT_BYTES_MAX, TYPES_MAX};
pub use lookup::ours;
pub use subjects::{Compatibility, Ids};

use cache::Cache;
use http::Http;
use lookup::Memory;

/// How long one call may take. Decoding waits for it, so it is short; unknown ids are rare.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a registry is.
#[derive(Clone)]
pub struct Config {
    /// `http://host:port` or `https://host:port`, with or without a path.
    pub url: String,
    /// The value of the `Authorization` header, when the registry asks for one.
    pub authorization: Option<String>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let authorization = self.authorization.as_ref().map(|_| "(hidden)");
        f.debug_struct("Config")
            .field("url", &self.url)
            .field("authorization", &authorization)
            .finish()
    }
}

/// What went wrong, named by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or not as a registry: try again later.
    #[error("the schema registry is away: {0}")]
    Away(String),
    /// It answered that there is no such thing.
    #[error("the schema registry has no {0}")]
    Missing(String),
    /// It answered with what can be no schema, or that the call makes no sense to it: asking
    /// again brings the same.
    #[error("the schema registry answered with nothing that can be used: {0}")]
    Unusable(String),
    /// It refused what was sent: the schema or the call must change.
    #[error("the schema registry refused: {0}")]
    Refused(String),
    /// An id names another schema than it did: stop and find out why.
    #[error("{0} names another schema than before; ids are for ever")]
    IdChanged(String),
    /// The folder of the cache cannot be read or written.
    #[error("schema cache: {0}")]
    Cache(String),
}

/// A client of one registry, shared by all threads of the process.
pub struct Registry {
    http: Http,
    cache: Option<Cache>,
    memory: Mutex<Memory>,
    /// Held during a call, so that lanes which meet the same unknown id ask once.
    asking: Mutex<()>,
}

impl Registry {
    /// A client that keeps what it learns in `folder`, or in memory alone. Reads the folder;
    /// asks the registry nothing.
    ///
    /// # Errors
    /// [`RegistryError::Cache`] when the folder cannot be made or read, and
    /// [`RegistryError::IdChanged`] when two files in it contradict each other.
    pub fn open(config: &Config, folder: Option<&Path>) -> Result<Self, RegistryError> {
        let cache = folder.map(Cache::open).transpose()?;
        let mut memory = Memory::default();
        if let Some(cache) = &cache {
            for (name, text) in cache.schemas()? {
                memory.learn(name, &text)?;
            }
        }
        Ok(Self {
            http: Http::new(config, CALL_TIMEOUT),
            cache,
            memory: Mutex::new(memory),
            asking: Mutex::new(()),
        })
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A panic elsewhere cannot leave it half changed: every change is one insertion.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
