//! Bytes on the wire: which schema wrote a datum, and whether the datum is whole.
//!
//! Separate from decoding so that every byte of a foreign record is judged before anything is
//! built from it: [`framing`] finds the schema's name, [`scan`] walks the datum by the schema, and [`newer`]
//! brings the datum of a later build to what this build knows.

pub mod framing;
pub mod newer;
pub mod scan;
