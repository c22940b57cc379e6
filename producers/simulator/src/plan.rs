//! What a run is asked for. Shares are of all purchases, from 0 to 1.

/// How often each schema version is written; relative weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// Version 1.
    pub v1: u32,
    /// Version 2.
    pub v2: u32,
    /// Version 3.
    pub v3: u32,
}

/// How often something out of the ordinary happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// The same event is published again later.
    pub duplicates: f64,
    /// Another content is published under the same purchase id.
    pub conflicts: f64,
    /// It happened up to three days ago.
    pub late: f64,
    /// The card will be declined.
    pub declined: f64,
    /// It contains an item that is never in stock.
    pub out_of_stock: f64,
    /// It is cancelled afterwards.
    pub cancelled: f64,
    /// It is cancelled before it arrives.
    pub cancelled_early: f64,
    /// Instead of a purchase, a record that nobody can read or act on.
    pub poison: f64,
    /// It is followed by a burst of purchases at the same instant.
    pub bursts: f64,
    /// It goes through the storefront's HTTP API instead of straight to Kafka.
    pub http: f64,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The same seed gives the same ids and the same bytes.
    pub seed: u64,
    /// When the first purchase happens, microseconds since the epoch.
    pub start: i64,
    /// How many actions, repeats and poison included; none for no end.
    pub count: Option<u64>,
    /// Actions per second; none for as fast as they are taken.
    pub rate: Option<f64>,
    /// Versions.
    pub mix: Mix,
    /// The unusual.
    pub shares: Shares,
    /// Records on their way to Kafka at once.
    pub window: usize,
    /// Requests on their way to the storefront at once.
    pub requests_max: usize,
}

impl Plan {
    /// Ordinary shops: 60/30/10 versions and a little of everything, as fast as it goes.
    #[must_use]
    pub fn new(seed: u64, start: i64) -> Self {
        Self {
            seed,
            start,
            count: None,
            rate: None,
            mix: Mix {
                v1: 60,
                v2: 30,
                v3: 10,
            },
            shares: Shares {
                duplicates: 0.01,
                conflicts: 0.001,
                late: 0.02,
                declined: 0.03,
                out_of_stock: 0.02,
                cancelled: 0.02,
                cancelled_early: 0.002,
                poison: 0.002,
                bursts: 0.001,
                http: 0.0,
            },
            window: 2_000,
            requests_max: 64,
        }
    }

    /// Purchases of the ordinary kind only.
    #[must_use]
    pub fn quiet(seed: u64, start: i64) -> Self {
        let shares = Shares {
            duplicates: 0.0,
            conflicts: 0.0,
            late: 0.0,
            declined: 0.0,
            out_of_stock: 0.0,
            cancelled: 0.0,
            cancelled_early: 0.0,
            poison: 0.0,
            bursts: 0.0,
            http: 0.0,
        };
        Self {
            shares,
            ..Self::new(seed, start)
        }
    }
}
