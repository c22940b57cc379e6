//! Numbered migrations, applied once each, recorded with a checksum.

/// One numbered step of a group's schema, in both dialects.
///
/// Released steps are never edited. Steps expand first and contract later, so that the previous
/// build goes on working while the next is rolled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// 1, 2, 3, ...; the runtime's own steps are counted apart.
    pub number: u32,
    /// What it does, for the listing.
    pub name: &'static str,
    /// SQL for Postgres; several statements are allowed.
    pub postgres: &'static str,
    /// SQL for SQLite.
    pub sqlite: &'static str,
}
