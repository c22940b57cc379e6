//! What the runtime keeps about its own work: positions, epochs, the journal of outgoing events,
//! tasks, timers, dead letters and parked records.
//!
//! The tables are described in [`rows`] and [`halts`]; everything else here is state in memory without I/O, one
//! file per concern, so that it can be read, tested and simulated apart from Kafka and a database.

pub mod halts;
pub(crate) mod outbox;
pub(crate) mod parking;
pub(crate) mod position;
pub mod rows;
pub(crate) mod shard;
pub(crate) mod statements;
pub(crate) mod tally;
pub(crate) mod task_queue;

use crate::store::Migration;

/// The component name under which the runtime's migrations are recorded.
pub const COMPONENT: &str = "runtime";

/// The runtime's own tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "bookkeeping",
        postgres: include_str!("../../migrations/0001_bookkeeping.postgres.sql"),
        sqlite: include_str!("../../migrations/0001_bookkeeping.sqlite.sql"),
    },
    Migration {
        number: 2,
        name: "redriven tasks",
        postgres: include_str!("../../migrations/0002_redriven_tasks.postgres.sql"),
        sqlite: include_str!("../../migrations/0002_redriven_tasks.sqlite.sql"),
    },
    Migration {
        number: 3,
        name: "halts",
        postgres: include_str!("../../migrations/0003_halts.postgres.sql"),
        sqlite: include_str!("../../migrations/0003_halts.sqlite.sql"),
    },
    Migration {
        number: 4,
        name: "parked by key",
        postgres: include_str!("../../migrations/0004_parked_by_key.postgres.sql"),
        sqlite: include_str!("../../migrations/0004_parked_by_key.sqlite.sql"),
    },
    Migration {
        number: 5,
        name: "damaged records",
        postgres: include_str!("../../migrations/0005_damaged_records.postgres.sql"),
        sqlite: include_str!("../../migrations/0005_damaged_records.sqlite.sql"),
    },
];
