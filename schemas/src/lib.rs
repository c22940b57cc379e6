//! Purchase events and facts: their Avro schemas, and how they are read and written.
//!
//! Bytes go through [`wire`] (which schema wrote them, and are they whole), [`released`] (the
//! schemas of this build), [`versions`] (a struct per version, upcast to the domain) and
//! [`validate`] (would acting on it be right). Nothing here knows Kafka, and nothing reads a clock.
pub mod compatibility;
pub mod currency;
pub mod decode;
pub mod domain;
pub mod encode;
pub mod headers;
pub mod ids;
pub mod refused;
pub mod registry;
pub mod released;
pub mod show;
pub mod topics;
mod typed;
pub mod v0;
pub mod validate;
pub mod versions;
pub mod wire;

pub use decode::{Decoded, Decoder, RawRecord, Written};
pub use domain::{Event, Fact, Purchase};
pub use encode::{EncodeError, Encoded, Encoder};
pub use headers::RawHeaders;
pub use refused::Refused;
pub use registry::{Registry, RegistryError};
pub use wire::framing::WireForm;

/// A datum longer than this is refused unread, and nothing a datum says makes the decoder allocate
/// more than this at once. The longest valid event is a fifth of it; brokers take longer records,
/// and still longer ones that are compressed.
pub const DATUM_BYTES_MAX: usize = 256 * 1024;

/// Lowers the Avro library's allocation limit from its default of 512 MiB to [`DATUM_BYTES_MAX`].
///
/// The limit is one per process and can be set once, so this belongs first in `main`; every
/// [`Decoder`] calls it too. Calling it again does nothing. Returns the limit in force, which is
/// higher only when something else in the process set it first.
pub fn init() -> usize {
    apache_avro::util::max_allocation_bytes(DATUM_BYTES_MAX)
}
