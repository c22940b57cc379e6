//! A struct per version of `Purchase`, each exactly what its `.avsc` says, and the way from one to
//! the next: v1 → v2 → v3 → the domain's one type.
//!
//! Separate so that business code never sees a version. A version's struct never changes after its
//! release; a new version adds a file here and one upcast. Upcasts copy and never judge: the
//! domain type is validated once, whatever it was written with.

pub mod v1;
pub mod v2;
pub mod v3;

mod fit;

pub use fit::{lowest_version, min_reader};

/// The newest version of `Purchase` that this build writes and reads without a registry.
pub const NEWEST: u32 = 3;

/// The number of this build as a reader: what `ce_minreader` asks for and `schemas.reader_version`
/// goes up to. It grows by one with every schema that is released, of whatever record, so that what
/// waits for a newer reader is read by the first build that knows its schema, and by none before.
/// It began as the version of `Purchase` and equals it for as long as no other record has a second.
pub const READER: u32 = 3;

/// The reader to wait for with what this build cannot read: newer than this build, and at least
/// what the version says.
#[must_use]
pub fn reader_after(version: u32) -> u32 {
    version.max(READER + 1)
}
