//! How a record stands in a file: its topic by number, its generation, and everything that it is.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    sync::Arc,
};

use runtime::{Coordinates, Headers, Record};

use crate::topics;

/// A missing key or payload's length.
const NULL: u32 = u32::MAX;

/// A record as it was read, and when.
pub(super) struct Written {
    pub(super) topic: &'static str,
    /// See [`super::extent::Extent::holds`].
    pub(super) generation: u16,
    pub(super) record: Record,
}

/// Appends a record to what is to be written.
pub(super) fn put(
    end: &mut Vec<u8>,
    (topic, generation): (&'static str, u16),
    record: &Record,
) -> io::Result<()> {
    let index = topics::ALL.iter().position(|one| *one == topic);
    let index = index.ok_or(io::ErrorKind::InvalidData)?;
    end.push(u8::try_from(index).map_err(io::Error::other)?);
    end.extend(generation.to_be_bytes());
    end.extend(record.at.offset.to_be_bytes());
    end.extend(record.timestamp_micros.to_be_bytes());
    let headers = record.headers.to_bytes();
    let key = record.key.as_deref();
    for bytes in [key, record.payload.as_deref(), Some(&headers)] {
        let length = bytes.map_or(Ok(NULL), |bytes| u32::try_from(bytes.len()));
        end.extend(length.map_err(io::Error::other)?.to_be_bytes());
        end.extend(bytes.unwrap_or_default());
    }
    Ok(())
}

/// Gives every record of a file to `each`, in the order in which they were put.
pub(super) fn each(
    reader: &mut BufReader<File>,
    partition: i32,
    mut each: impl FnMut(Written) -> io::Result<()>,
) -> io::Result<()> {
    let names = topics::ALL.map(Arc::<str>::from);
    let mut first = [0];
    while reader.read(&mut first)? > 0 {
        let index = usize::from(first[0]);
        let (Some(topic), Some(name)) = (topics::ALL.get(index), names.get(index)) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut generation = [0; 2];
        reader.read_exact(&mut generation)?;
        each(Written {
            topic,
            generation: u16::from_be_bytes(generation),
            record: take(reader, name, partition)?,
        })?;
    }
    Ok(())
}

fn take(reader: &mut BufReader<File>, topic: &Arc<str>, partition: i32) -> io::Result<Record> {
    let mut number = [0; 8];
    let mut long = |reader: &mut BufReader<File>| -> io::Result<i64> {
        reader.read_exact(&mut number)?;
        Ok(i64::from_be_bytes(number))
    };
    let offset = long(reader)?;
    let timestamp_micros = long(reader)?;
    let (key, payload) = (bytes(reader)?, bytes(reader)?);
    let headers = bytes(reader)?.unwrap_or_default();
    Ok(Record {
        at: Coordinates {
            topic: Arc::clone(topic),
            partition,
            offset,
        },
        key,
        payload,
        headers: Headers::from_bytes(&headers),
        timestamp_micros,
    })
}

fn bytes(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length == NULL {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    reader.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
