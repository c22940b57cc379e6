//! How one record lies in a spool file. Pure: bytes in, entry out. What must stay true: a frame
//! is read back whole or not at all, and a reader that lost its place can find the next one.
//!
//! ```text
//! magic "CFS1" | body length u32 | CRC-32 of salt, length and body u32 | body    (little-endian)
//! ```
//!
//! The salt is random per file and stands in its name: bytes inside of a payload, which a customer
//! may have chosen, can then not pass for a frame when the place was lost.

use crate::record::Record;

const MAGIC: [u8; 4] = *b"CFS1";
/// Magic, length and checksum.
pub(super) const HEADER_BYTES: usize = 12;
/// No body is longer; a longer length is damage.
const BODY_BYTES_MAX: usize = 32 << 20;
/// The length that stands for an absent value.
const ABSENT: u32 = u32::MAX;

/// A record with its place in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Rises from record to record; never given twice.
    pub sequence: u64,
    /// When it was spooled, microseconds since the epoch.
    pub stored_at: i64,
    /// The record.
    pub record: Record,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// They end before the frame does: a write that was cut short.
    Short,
    /// They are not what was written.
    Damaged,
}

/// What [`encode`] will add for this record.
pub(super) fn encoded_bytes(record: &Record) -> usize {
    let headers: usize = (record.headers.iter())
        .map(|(name, value)| 4 + name.len() + 4 + value.as_ref().map_or(0, Vec::len))
        .sum();
    HEADER_BYTES
        + 16
        + (4 + record.topic.len())
        + (4 + record.event_id.len())
        + (4 + record.key.as_ref().map_or(0, Vec::len))
        + (4 + record.payload.as_ref().map_or(0, Vec::len))
        + 4
        + headers
}

/// Appends a frame.
pub(super) fn encode(salt: u64, sequence: u64, stored_at: i64, record: &Record, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&stored_at.to_le_bytes());
    put(out, Some(record.topic.as_bytes()));
    put(out, Some(record.event_id.as_bytes()));
    put(out, record.key.as_deref());
    put(out, record.payload.as_deref());
    out.extend_from_slice(&length(record.headers.len()).to_le_bytes());
    for (name, value) in &record.headers {
        put(out, Some(name.as_bytes()));
        put(out, value.as_deref());
    }
    let body = length(out.len() - start - HEADER_BYTES).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&body);
    let checksum = checksum(salt, body, &out[start + HEADER_BYTES..]);
    out[start + 8..start + 12].copy_from_slice(&checksum.to_le_bytes());
}

fn put(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => out.extend_from_slice(&ABSENT.to_le_bytes()),
        Some(bytes) => {
            out.extend_from_slice(&length(bytes.len()).to_le_bytes());
            out.extend_from_slice(bytes);
        }
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("records are refused long before 4 GiB")
}

fn checksum(salt: u64, length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

/// Reads the frame at the start of `bytes`; also says how long it was.
pub(super) fn decode(salt: u64, bytes: &[u8]) -> Result<(Entry, usize), Broken> {
    let magic = &bytes[..bytes.len().min(4)];
    if magic != &MAGIC[..magic.len()] {
        return Err(Broken::Damaged);
    }
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(Broken::Short);
    };
    let declared = [header[4], header[5], header[6], header[7]];
    let body_bytes = u32::from_le_bytes(declared) as usize;
    if body_bytes > BODY_BYTES_MAX {
        return Err(Broken::Damaged);
    }
    let body = rest.get(..body_bytes).ok_or(Broken::Short)?;
    let expected = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if checksum(salt, declared, body) != expected {
        return Err(Broken::Damaged);
    }
    let entry = decode_body(body).ok_or(Broken::Damaged)?;
    Ok((entry, HEADER_BYTES + body_bytes))
}

fn decode_body(mut body: &[u8]) -> Option<Entry> {
    let sequence = u64::from_le_bytes(*take_chunk(&mut body)?);
    let stored_at = i64::from_le_bytes(*take_chunk(&mut body)?);
    let topic = take_text(&mut body)?;
    let event_id = take_text(&mut body)?;
    let key = take(&mut body)?.map(<[u8]>::to_vec);
    let payload = take(&mut body)?.map(<[u8]>::to_vec);
    let count = u32::from_le_bytes(*take_chunk(&mut body)?);
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = take_text(&mut body)?;
        headers.push((name, take(&mut body)?.map(<[u8]>::to_vec)));
    }
    let record = Record {
        topic,
        key,
        payload,
        headers,
        event_id,
    };
    body.is_empty().then_some(Entry {
        sequence,
        stored_at,
        record,
    })
}

fn take_chunk<'a, const N: usize>(body: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = body.split_first_chunk()?;
    *body = rest;
    Some(chunk)
}

fn take<'a>(body: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = u32::from_le_bytes(*take_chunk(body)?);
    if length == ABSENT {
        return Some(None);
    }
    let (value, rest) = body.split_at_checked(length as usize)?;
    *body = rest;
    Some(Some(value))
}

fn take_text(body: &mut &[u8]) -> Option<String> {
    String::from_utf8(take(body)??.to_vec()).ok()
}

/// Where the next whole frame begins, at or after `from`.
pub(super) fn find(salt: u64, bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len().saturating_sub(HEADER_BYTES - 1))
        .find(|&at| bytes[at..].starts_with(&MAGIC) && decode(salt, &bytes[at..]).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: u64 = 0x5a17;

    fn records() -> impl Strategy<Value = Record> {
        let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200));
        (
            "[a-z.]{1,20}",
            ".{0,40}",
            bytes(),
            bytes(),
            proptest::collection::vec((".{0,12}", bytes()), 0..5),
        )
            .prop_map(|(topic, event_id, key, payload, headers)| Record {
                topic,
                key,
                payload,
                headers,
                event_id,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(record in records(), sequence: u64, stored_at: i64) {
            let mut bytes = Vec::new();
            encode(SALT, sequence, stored_at, &record, &mut bytes);
            prop_assert_eq!(bytes.len(), encoded_bytes(&record));
            let read = decode(SALT, &bytes);
            prop_assert_eq!(read, Ok((Entry { sequence, stored_at, record }, bytes.len())));
        }

        #[test]
        fn a_frame_cut_anywhere_is_short(record in records(), cut: prop::sample::Index) {
            let mut bytes = Vec::new();
            encode(SALT, 7, 8, &record, &mut bytes);
            let cut = cut.index(bytes.len());
            prop_assert_eq!(decode(SALT, &bytes[..cut]), Err(Broken::Short));
        }

        #[test]
        fn a_flipped_bit_is_never_accepted(
            record in records(), at: prop::sample::Index, bit in 0..8u8,
        ) {
            let mut bytes = Vec::new();
            encode(SALT, 7, 8, &record, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode(SALT, &bytes).is_err());
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            prop_assert!(decode(SALT, &bytes).is_err());
            prop_assert_eq!(find(SALT, &bytes, 0), None);
        }
    }

    #[test]
    fn the_next_frame_is_found_behind_damage() {
        let record = Record {
            topic: "t".into(),
            key: None,
            payload: Some(MAGIC.to_vec()),
            headers: Vec::new(),
            event_id: "e".into(),
        };
        let mut bytes = b"CFS1 damage".to_vec();
        let start = bytes.len();
        encode(SALT, 1, 2, &record, &mut bytes);
        assert_eq!(find(SALT, &bytes, 0), Some(start));
        assert_eq!(find(SALT, &bytes, start + 1), None);
    }

    #[test]
    fn a_frame_inside_of_a_payload_is_no_frame() {
        let mut record = Record {
            topic: "t".into(),
            key: None,
            payload: None,
            headers: Vec::new(),
            event_id: "e".into(),
        };
        let mut guess = Vec::new();
        encode(SALT + 1, 1, 2, &record, &mut guess);
        record.payload = Some(guess);
        let mut bytes = Vec::new();
        encode(SALT, 1, 2, &record, &mut bytes);
        assert_eq!(find(SALT, &bytes[..bytes.len() - 1], 0), None);
    }
}
