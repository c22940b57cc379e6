//! The store suite on SQLite, and what is particular to it.

use crate::stores::{Database, suite};

suite!(Database::sqlite);
