//! The pipeline as its operators run it: processes of the one binary, configured by environment alone, on
//! services that the harness starts. What is true afterwards is read from the groups' tables, from the
//! topics and from the provider's journal, never from what a process says of itself.

pub(crate) mod database;
pub(crate) mod endurance;
pub(crate) mod following;
pub(crate) mod kills;
pub(crate) mod load;
pub(crate) mod members;
pub(crate) mod poison;
pub(crate) mod quiet;
pub(crate) mod readers;
pub(crate) mod shop;
pub(crate) mod verdict;
pub(crate) mod write_version;
