//! The three ways in which a record names the schema that wrote it.
//!
//! Confluent's prefix (`00`, id), Confluent's header (`__value_schema_id`, bare payload), and
//! Avro's single-object encoding (`C3 01`, fingerprint). The header is looked at first, as
//! Confluent's own readers do.

use crate::Refused;

/// The header that may name the schema of a bare payload.
pub const SCHEMA_ID_HEADER: &str = "__value_schema_id";

const PREFIX_MAGIC: u8 = 0x00;
const GUID_MAGIC: u8 = 0x01;
const SINGLE_OBJECT_MAGIC: [u8; 2] = [0xC3, 0x01];

/// How a record names its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WireForm {
    /// `00`, four bytes of id, datum.
    ConfluentPrefix,
    /// The schema is named in a header; the payload is the datum.
    ConfluentHeader,
    /// `C3 01`, eight bytes of fingerprint, datum.
    SingleObject,
}

impl WireForm {
    /// The word used in metrics and listings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfluentPrefix => "confluent_prefix",
            Self::ConfluentHeader => "confluent_header",
            Self::SingleObject => "single_object",
        }
    }
}

/// What a record calls its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaName {
    /// A registry's id.
    Id(u32),
    /// A registry's GUID.
    Guid([u8; 16]),
    /// CRC-64-AVRO of the canonical form, little-endian.
    Fingerprint([u8; 8]),
}

impl std::fmt::Display for SchemaName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::Guid(guid) => write!(f, "guid {}", uuid::Uuid::from_bytes(*guid)),
            Self::Fingerprint(bytes) => {
                write!(f, "fingerprint {:016x}", u64::from_le_bytes(*bytes))
            }
        }
    }
}

/// A payload taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which of the three forms it has.
    pub form: WireForm,
    /// The schema that wrote the datum.
    pub schema: SchemaName,
    /// The Avro datum.
    pub datum: &'a [u8],
}

/// Finds the schema's name. `header` is the value of [`SCHEMA_ID_HEADER`].
///
/// # Errors
/// `empty`, `truncated` (a frame that ends too soon) or `bad_magic` (none of the three forms:
/// JSON, Protobuf, text).
pub fn frame<'a>(payload: &'a [u8], header: Option<&[u8]>) -> Result<Frame<'a>, Refused> {
    if let Some(header) = header {
        let schema = named_in_header(header)?;
        return Ok(Frame {
            form: WireForm::ConfluentHeader,
            schema,
            datum: payload,
        });
    }
    match payload {
        [] => Err(Refused::bytes("empty", "the payload has no bytes")),
        [PREFIX_MAGIC, rest @ ..] => {
            let (id, datum) = rest
                .split_first_chunk::<4>()
                .ok_or_else(|| Refused::bytes("truncated", "the payload ends in the schema id"))?;
            let schema = SchemaName::Id(u32::from_be_bytes(*id));
            Ok(Frame {
                form: WireForm::ConfluentPrefix,
                schema,
                datum,
            })
        }
        [first, second, rest @ ..] if [*first, *second] == SINGLE_OBJECT_MAGIC => {
            let (fingerprint, datum) = rest.split_first_chunk::<8>().ok_or_else(|| {
                Refused::bytes("truncated", "the payload ends in the fingerprint")
            })?;
            let schema = SchemaName::Fingerprint(*fingerprint);
            Ok(Frame {
                form: WireForm::SingleObject,
                schema,
                datum,
            })
        }
        [first, ..] => Err(Refused::bytes(
            "bad_magic",
            format!(
                "the first byte is {first:#04x}; expected 00 (schema id) or C3 01 (fingerprint)"
            ),
        )),
    }
}

fn named_in_header(header: &[u8]) -> Result<SchemaName, Refused> {
    match header {
        [GUID_MAGIC, guid @ ..] if guid.len() == 16 => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(guid);
            Ok(SchemaName::Guid(bytes))
        }
        [PREFIX_MAGIC, a, b, c, d] => Ok(SchemaName::Id(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => Err(Refused::bytes(
            "bad_magic",
            format!(
                "{SCHEMA_ID_HEADER} has {} bytes; expected 01 + GUID or 00 + id",
                header.len()
            ),
        )),
    }
}

/// Appends what stands before a datum that is named by a registry's id.
pub(crate) fn write_prefix(bytes: &mut Vec<u8>, id: u32) {
    bytes.push(PREFIX_MAGIC);
    bytes.extend_from_slice(&id.to_be_bytes());
}

/// Appends what stands before a datum that is named by its schema's fingerprint.
pub(crate) fn write_single_object(bytes: &mut Vec<u8>, fingerprint: [u8; 8]) {
    bytes.extend_from_slice(&SINGLE_OBJECT_MAGIC);
    bytes.extend_from_slice(&fingerprint);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(result: Result<Frame<'_>, Refused>) -> &'static str {
        match result {
            Err(Refused::Poison { reason, .. }) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn each_form_names_its_schema() {
        let prefix = frame(&[0, 0, 0, 1, 2, 9, 9], None).unwrap();
        assert_eq!(prefix.schema, SchemaName::Id(258));
        assert_eq!(prefix.datum, [9, 9]);

        let single = frame(&[0xC3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9], None).unwrap();
        assert_eq!(
            single.schema,
            SchemaName::Fingerprint([1, 2, 3, 4, 5, 6, 7, 8])
        );
        assert_eq!(single.datum, [9]);

        let mut guid = vec![1];
        guid.extend([7; 16]);
        let header = frame(&[9], Some(&guid)).unwrap();
        assert_eq!(header.schema, SchemaName::Guid([7; 16]));
        assert_eq!(header.datum, [9]);
        let id_in_header = frame(&[9], Some(&[0, 0, 0, 0, 5])).unwrap();
        assert_eq!(id_in_header.schema, SchemaName::Id(5));
    }

    #[test]
    fn what_is_none_of_the_forms_is_refused_by_name() {
        assert_eq!(reason(frame(b"", None)), "empty");
        assert_eq!(reason(frame(b"{\"Type\":1}", None)), "bad_magic");
        assert_eq!(
            reason(frame(&[0xC3, 2, 0, 0, 0, 0, 0, 0, 0, 0], None)),
            "bad_magic"
        );
        assert_eq!(reason(frame(&[0xC3], None)), "bad_magic");
        assert_eq!(reason(frame(&[0, 0, 0, 1], None)), "truncated");
        assert_eq!(reason(frame(&[0xC3, 1, 0, 0], None)), "truncated");
        assert_eq!(reason(frame(&[9], Some(&[1, 2, 3]))), "bad_magic");
        assert_eq!(reason(frame(&[9], Some(&[]))), "bad_magic");
    }
}
