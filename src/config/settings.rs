//! Every setting, declared once: key, type, default, what it does, and whether it may be shown.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use super::{
    kafka::KafkaOptions,
    layers::Layers,
    mistake::Mistakes,
    value::{
        AccountKeys, Bytes, CurrencyBySymbol, DatabaseUrl, DateOrder, GroupProtocol, HttpUrl,
        LogFormat, LogLevel, SchemaVersion, Secret, Share, Value, Window,
    },
};

/// What of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Whole,
    /// All but the password in it.
    WithoutPassword,
    /// Nothing.
    Never,
}

/// One setting, for listings and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `section.name`.
    pub key: &'static str,
    /// What its value looks like.
    pub form: &'static str,
    /// The value when it is set nowhere; without one it is optional.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
    /// What of it may be shown.
    pub shown: Shown,
}

macro_rules! shown {
    () => {
        Shown::Whole
    };
    ($shown:ident) => {
        Shown::$shown
    };
}

macro_rules! default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident: $type:ty $(= $default:literal)? $(, shown $shown:ident)?; )+
        }
    )+) => {
        /// The whole configuration.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $( $(#[doc = $section_doc])+ pub $section: $name, )+
        }
        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone, PartialEq)]
            pub struct $name {
                $( $(#[doc = $doc])+ pub $field: $type, )+
            }
            impl $name {
                fn read(layers: &Layers, mistakes: &mut Mistakes) -> Option<Self> {
                    $( let $field = <$type as Value>::from_layers(
                        layers,
                        concat!(stringify!($section), ".", stringify!($field)),
                        mistakes,
                    ); )+
                    Some(Self { $( $field: $field?, )+ })
                }
            }
        )+
        impl Config {
            /// Reads every setting, also after a mistake.
            pub(super) fn read(layers: &Layers, mistakes: &mut Mistakes) -> Option<Self> {
                $( let $section = $name::read(layers, mistakes); )+
                Some(Self { $( $section: $section?, )+ })
            }
        }
        /// Every setting there is.
        pub const SETTINGS: &[Setting] = &[
            $( $( Setting {
                key: concat!(stringify!($section), ".", stringify!($field)),
                form: <$type as Value>::FORM,
                default: default!($($default)?),
                doc: concat!($($doc),+),
                shown: shown!($($shown)?),
            }, )+ )+
        ];
    };
}

settings! {
    /// The brokers.
    kafka: Kafka {
        /// Brokers to begin with, as host:port,host:port.
        bootstrap_servers: Option<String>;
        /// Any other option of librdkafka by its own name, except those that the promise depends on.
        options: KafkaOptions;
    }
    /// The schema registry.
    registry: Registry {
        /// Its address; without one, records name their schema by fingerprint.
        url: Option<HttpUrl>;
        /// The value of the `Authorization` header, when it asks for one.
        authorization: Option<Secret>, shown Never;
        /// Where schemas that were fetched are kept, so that a restart does not need the registry.
        cache_dir: Option<PathBuf>;
    }
    /// Which versions of the purchase schema are spoken.
    schemas: Schemas {
        /// Records that need a newer reader than this are parked.
        reader_version: SchemaVersion = "3";
        /// The version in which purchases are written once every live group reads it, a lower one until then; a rollback of a version is this flag.
        write_version: SchemaVersion = "3";
        /// Whether to write it although a live group reads lower, or nobody knows what the groups read.
        force_write_version: bool = "false";
        /// How often a storefront asks what the groups read.
        ask_readers_every: Duration = "30s";
    }
    /// The group's database.
    database: Database {
        /// Postgres, or a folder for SQLite files; `{group}` in it stands for the group's name.
        url: DatabaseUrl = "sqlite://./counterflow-data", shown WithoutPassword;
    }
    /// The consumer runtime.
    consumer: Consumer {
        /// Database connections that process disjoint shards side by side.
        lanes: NonZeroUsize = "2";
        /// The most records of one transaction.
        batch_records_max: NonZeroUsize = "1000";
        /// The most bytes of one transaction.
        batch_bytes_max: Bytes = "8MiB";
        /// How long a batch waits for more records.
        batch_linger: Duration = "10ms";
        /// Records in memory at which fetching pauses.
        queue_records_max: NonZeroUsize = "20000";
        /// Bytes in memory at which fetching pauses.
        queue_bytes_max: Bytes = "64MiB";
        /// How long a revoked shard may take to finish or roll back its batch.
        drain_timeout: Duration = "10s";
        /// How long the whole shutdown may take.
        shutdown_timeout: Duration = "25s";
        /// How long the group waits for a sign of life.
        session_timeout: Duration = "45s";
        /// How long a loop of the process may stand still, while it declares no wait, before `/livez` says that it is stuck.
        stall_timeout: Duration = "60s";
        /// How long the group waits for the next poll.
        max_poll_interval: Duration = "300s";
        /// A name that is kept over restarts (static membership).
        group_instance_id: Option<String>;
        /// The group protocol.
        protocol: GroupProtocol = "classic";
        /// The share of dead letters above which the group pauses.
        dead_letter_share_max: Share = "0.5";
        /// Over how many of the latest records that share is taken.
        dead_letter_window: NonZeroUsize = "1000";
        /// How long published events are kept in the journal, and so how far back an audit looks there.
        journal_retention: Duration = "7d";
        /// How often one record may be redriven.
        redrives_max: u32 = "3";
        /// How long timers wait for a partition of which nothing comes although its end is not reached, or not told.
        timer_patience: Duration = "5m";
    }
    /// Remote work.
    tasks: Tasks {
        /// Calls at the same time.
        concurrency: NonZeroUsize = "64";
        /// How long one call may take; its outcome is unknown afterwards.
        timeout: Duration = "10s";
        /// How long one attempt may take, all its calls together; then it is made again, later.
        attempt_timeout: Duration = "2m";
    }
    /// The payment provider.
    provider: Provider {
        /// Its address.
        url: Option<HttpUrl>;
        /// Its API key.
        key: Option<Secret>, shown Never;
        /// The payment method of purchases that name a card without saying which.
        method_on_file: String = "pm_card_visa";
        /// How long its search may take to show an authorisation; what is not there by then is not.
        search_lag: Duration = "5m";
    }
    /// The carrier.
    carrier: Carrier {
        /// Its address.
        url: Option<HttpUrl>;
    }
    /// How long things may take in the shop's own time.
    deadlines: Deadlines {
        /// From the purchase to both answers; then it is cancelled.
        answers: Duration = "15m";
        /// From reserving stock to its lapse, unless a shipment asks before.
        reservation: Duration = "15m";
        /// From the purchase to its delivery, standard tier.
        deliver_standard: Duration = "5d";
        /// From the purchase to its delivery, two-day tier.
        deliver_two_day: Duration = "2d";
        /// From the purchase to its delivery, next-day tier.
        deliver_next_day: Duration = "1d";
        /// From shipping to delivery, all tiers but the next day.
        transit: Duration = "1d";
        /// From shipping to delivery, next-day tier.
        transit_next_day: Duration = "12h";
        /// How long after the hand-over a cancellation is granted as a return; 0 for never.
        return_window: Window = "14d";
    }
    /// The storefront.
    http: Http {
        /// Where it listens.
        listen: SocketAddr = "127.0.0.1:8080";
        /// Requests at the same time; more are answered 503.
        max_in_flight: NonZeroUsize = "512";
        /// The largest request body.
        body_bytes_max: Bytes = "64KiB";
        /// How long requests may take to finish once the storefront is told to stop.
        drain_timeout: Duration = "20s";
        /// Who may buy, and see and cancel what it bought itself, as key=account,key=account;
        /// without it anybody, in the name of any account.
        account_keys: Option<AccountKeys>, shown Never;
    }
    /// Probes and metrics.
    admin: Admin {
        /// Where they listen; port 0 takes a free one.
        listen: SocketAddr = "127.0.0.1:0";
    }
    /// Purchases that were accepted while Kafka was away.
    spool: Spool {
        /// Where they are kept.
        dir: PathBuf = "./counterflow-data/spool";
        /// How much may be kept; then purchases are refused.
        bytes_max: Bytes = "1GiB";
    }
    /// The payment provider and carrier that `counterflow provider-sandbox` plays.
    sandbox: Sandbox {
        /// Where it keeps its journal.
        dir: PathBuf = "./counterflow-data/provider";
        /// A JSON file of the faults that it begins with.
        faults: Option<PathBuf>;
    }
    /// What `counterflow topics` makes topics with, where topics.toml says nothing else.
    topics: Topics {
        /// Partitions of every topic; never raised in place, because keys would move.
        partitions: NonZeroUsize = "12";
        /// Replicas; 3 outside one machine.
        replication: NonZeroUsize = "1";
        /// Replicas that must have a record before it counts as written; 2 outside one machine.
        min_insync_replicas: NonZeroUsize = "1";
    }
    /// Messages of version 0.
    v0: V0 {
        /// The order of their dates; without one, an ambiguous date is refused.
        date_order: Option<DateOrder>;
        /// The currencies of their symbols; a symbol that is not here is refused.
        currency_by_symbol: CurrencyBySymbol = "$=USD,€=EUR,£=GBP";
    }
    /// Logging.
    log: Log {
        /// The form of a line.
        format: LogFormat = "text";
        /// The least severe level.
        level: LogLevel = "info";
    }
}
