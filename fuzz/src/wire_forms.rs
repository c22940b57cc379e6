//! The three ways in which a record names the schema that wrote it, each a target: the frame, and
//! the datum behind it.

use schemas::RawRecord;
use schemas::topics;
use schemas::wire::framing::{self, SCHEMA_ID_HEADER};

use crate::input::Input;
use crate::readers::{self, AT, schema_of};

/// Behind the magic byte: an id of four bytes and a datum.
pub(crate) fn prefix(data: &[u8]) -> bool {
    hold(&[&[0], data].concat(), None)
}

/// Behind the magic bytes: a fingerprint of eight bytes and a datum.
pub(crate) fn single_object(data: &[u8]) -> bool {
    hold(&[&[0xC3, 0x01], data].concat(), None)
}

/// The header as a chunk, then the datum.
pub(crate) fn schema_header(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let header = input.chunk();
    hold(input.rest(), Some(header))
}

fn hold(payload: &[u8], header: Option<&[u8]>) -> bool {
    let frame = framing::frame(payload, header);
    let schema = frame
        .as_ref()
        .ok()
        .and_then(|frame| schema_of(frame.schema));
    let datum = frame.as_ref().map_or(&[][..], |frame| frame.datum);
    assert!(payload.ends_with(datum));

    let headers: Vec<(String, Vec<u8>)> = (header.into_iter())
        .map(|header| (SCHEMA_ID_HEADER.to_owned(), header.to_vec()))
        .collect();
    let key = second_text(datum).unwrap_or(b"key");
    let read = readers::hold(&RawRecord {
        topic: schema.map_or(topics::PURCHASES, |schema| schema.topic),
        key: Some(key),
        payload: Some(payload),
        headers: &headers,
        timestamp_micros: AT,
    });
    let Ok(decoded) = read else {
        return false;
    };
    let (frame, schema) = (frame.unwrap(), schema.unwrap());
    assert_eq!(decoded.written.form, frame.form);
    assert_eq!(decoded.written.name, schema.name);
    assert_eq!(decoded.written.version, schema.version);
    true
}

/// Every record of ours begins with its event id and its key, so the key need not be guessed.
fn second_text(datum: &[u8]) -> Option<&[u8]> {
    let (_, rest) = text(datum)?;
    text(rest).map(|(key, _)| key)
}

fn text(datum: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length: u64 = 0;
    for (place, byte) in datum.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            let length = usize::try_from(length >> 1).ok()?;
            return datum[place + 1..].split_at_checked(length);
        }
    }
    None
}
