//! A datum as JSON, in the shape of the version that wrote it, unjudged.
//!
//! For people who look at a record that was set aside, and for comparison with other decoders.
//! What comes out may hold personal data, so it belongs on a screen and in no log.

use serde_json::Value;

use crate::Refused;
use crate::decode::check_bytes;
use crate::released::Released;
use crate::typed::event_value;

/// Decodes one whole datum of a released schema.
///
/// # Errors
/// [`Refused::Poison`] when the bytes are not one whole datum of the schema.
pub fn datum(schema: &Released, datum: &[u8]) -> Result<Value, Refused> {
    check_bytes(schema, datum)?;
    event_value(schema, datum)
}
