//! What the groups keep, on SQLite.

use crate::{groups::suite, stores::Database};

suite!(Database::sqlite);
