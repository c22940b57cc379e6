//! A registry that knows one id, or has forgotten it, and records that name their schema by it.

use std::sync::Arc;

use codec::Codec;
use schemas::decode::{Found, SchemaSource};
use schemas::wire::framing::SchemaName;
use schemas::{Decoder, Encoded, Encoder, Refused, released, versions};

const ID: u32 = 7;
const NEWEST: u32 = 3;

struct Registry {
    knows: bool,
}

impl SchemaSource for Registry {
    fn find(&self, name: SchemaName) -> Result<Found, Refused> {
        let newest = released::by_name("Purchase", NEWEST).unwrap();
        match name {
            SchemaName::Id(ID) if self.knows => Ok(Found::Released(newest)),
            other => Err(Refused::Poison {
                reason: "unknown_schema",
                detail: other.to_string(),
                in_values: false,
            }),
        }
    }
}

/// What reads by fingerprint, and by the id if that is known.
pub(crate) fn codec(knows: bool) -> Codec {
    let decoder = Decoder::new(versions::READER).with_source(Arc::new(Registry { knows }));
    Codec::new(decoder, Encoder::new())
}

/// A purchase of the newest version, named by the id instead of the fingerprint: a zero byte and
/// four bytes of the id, in place of two marker bytes and eight of the fingerprint.
pub(crate) fn by_id(mut encoded: Encoded) -> Encoded {
    let datum = encoded.payload.split_off(10);
    encoded.payload = [&[0], &ID.to_be_bytes()[..], &datum].concat();
    encoded
}
