//! The database of a group.

use std::sync::Arc;

use anyhow::Context;
use runtime::store::Store;

use crate::config::Config;

/// Opens the database of a group; it is connected to when it is first needed.
///
/// # Errors
/// When the address cannot be used.
pub fn open_store(config: &Config, group: &str) -> anyhow::Result<Arc<dyn Store>> {
    let url = config.database.url.for_group(group);
    runtime::store::open(&url, group).with_context(|| format!("open the database of {group}"))
}
