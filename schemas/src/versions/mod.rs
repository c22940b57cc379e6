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
