//! The storefront's settings. Every wait and every queue has its bound here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::WriteVersion;

/// Who may buy, and see and cancel what was bought.
#[derive(Debug, Clone, Default)]
pub enum Accounts {
    /// Anybody, in the name of the account that `X-Account` names, or of `default`: for one
    /// machine, or behind a gateway that has checked it.
    #[default]
    Open,
    /// Whoever has a key (`Authorization: Bearer <key>`): keys and their accounts. An account
    /// sees and cancels its own purchases; accounts here have an [`schemas::ids::account_mark`]
    /// each to itself.
    Keys(BTreeMap<String, String>),
}

/// How a storefront works.
#[derive(Debug, Clone)]
pub struct Config {
    /// The version that purchases are written with: 1, 2 or 3. One that a lower version cannot
    /// say is written with the lowest that can.
    pub write_version: Arc<WriteVersion>,
    /// Who may buy.
    pub accounts: Accounts,
    /// How imported messages are read: the order of their dates, the currencies of their signs.
    pub import_rules: schemas::v0::Rules,
    /// Requests that write, at once; more are refused with 503.
    pub writes_max: usize,
    /// Requests that read, long polls included, at once; more are refused with 503.
    pub reads_max: usize,
    /// Connections at once; more wait to be accepted.
    pub connections_max: usize,
    /// The largest body.
    pub body_bytes_max: usize,
    /// From a connection (or the end of the last request) to the end of the next one's headers.
    pub header_timeout: Duration,
    /// From the headers to the answer, reading the body included.
    pub request_timeout: Duration,
    /// The longest `?wait=`.
    pub wait_max: Duration,
    /// How long a look into the read model may hold up a purchase; it then goes on without.
    pub lookup_timeout: Duration,
    /// How long requests may take to finish once the process is told to stop.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            write_version: Arc::new(WriteVersion::fixed(3)),
            accounts: Accounts::Open,
            import_rules: schemas::v0::Rules::default(),
            writes_max: 512,
            reads_max: 2_048,
            connections_max: 4_096,
            body_bytes_max: 256 << 10,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            wait_max: Duration::from_secs(30),
            lookup_timeout: Duration::from_millis(250),
            drain_timeout: Duration::from_secs(20),
        }
    }
}
