//! What the groups keep, on PostgreSQL.

use crate::{groups::suite, stores::Database};

suite!(Database::postgres);
