//! The headers around a record, as far as they are read here, and how many of them are taken.
//!
//! Separate from the payload's limits because nobody but the sender bounds them: a broker looks at
//! the size of a batch alone, and every copy of a record copies its headers.

use crate::Refused;

/// CloudEvents' name of the schema that the data adheres to. A registry is the place to look up a
/// version that is newer than a reader's build; where a record names its schema by fingerprint,
/// this is the word that there is one.
pub const SCHEMA_HEADER: &str = "ce_dataschema";
const SCHEMA_URN: &str = "urn:counterflow:schema:";

/// More headers than this are refused. A record of ours has about ten, and tracing adds a few.
pub const HEADERS_MAX: usize = 100;
/// Names and values that are longer than this together are refused.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;

/// How many headers there are, and how long they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Headers.
    pub count: usize,
    /// Bytes of names and values together.
    pub bytes: usize,
}

impl Extent {
    /// Of headers given by the lengths of their names and values.
    pub fn of(headers: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut extent = Self::default();
        for (name_bytes, value_bytes) in headers {
            extent.count += 1;
            extent.bytes += name_bytes + value_bytes;
        }
        extent
    }
}

/// The value of [`SCHEMA_HEADER`]: `urn:counterflow:schema:Purchase:3`.
#[must_use]
pub fn schema_urn(name: &str, version: u32) -> String {
    format!("{SCHEMA_URN}{name}:{version}")
}

/// Record name and version out of a [`SCHEMA_HEADER`]; none when it is none of ours.
#[must_use]
pub fn stated_schema(value: &[u8]) -> Option<(&str, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (name, version) = text.strip_prefix(SCHEMA_URN)?.split_once(':')?;
    Some((name, version.parse().ok()?))
}

/// The headers of a record; of several with one name the last counts, as Kafka's clients read it.
pub trait RawHeaders: Sync {
    /// The last value of a header, if it has one.
    fn last(&self, name: &str) -> Option<&[u8]>;
    /// How many there are, and how long.
    fn extent(&self) -> Extent;
}

impl RawHeaders for &[(String, Vec<u8>)] {
    fn last(&self, name: &str) -> Option<&[u8]> {
        let mut newest_first = self.iter().rev();
        let found = newest_first.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_slice())
    }

    fn extent(&self) -> Extent {
        Extent::of(self.iter().map(|(name, value)| (name.len(), value.len())))
    }
}

impl RawHeaders for Vec<(String, Vec<u8>)> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        let mut newest_first = self.iter().rev();
        let found = newest_first.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_slice())
    }

    fn extent(&self) -> Extent {
        RawHeaders::extent(&self.as_slice())
    }
}

/// Whether so many and so long headers are taken.
pub(crate) fn check(extent: Extent) -> Result<(), Refused> {
    let Extent { count, bytes } = extent;
    if count > HEADERS_MAX {
        let detail = format!("{count} headers; at most {HEADERS_MAX}");
        return Err(Refused::bytes("too_many_headers", detail));
    }
    if bytes > HEADER_BYTES_MAX {
        let detail = format!("{bytes} bytes of headers; at most {HEADER_BYTES_MAX}");
        return Err(Refused::bytes("headers_too_large", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(headers: &[(String, Vec<u8>)]) -> Option<&'static str> {
        match check(RawHeaders::extent(&headers)) {
            Ok(()) => None,
            Err(Refused::Poison { reason, .. }) => Some(reason),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn headers_up_to_the_limits_are_taken_and_no_more() {
        let many = |count: usize| vec![("n".to_owned(), vec![0]); count];
        assert_eq!(reason(&many(HEADERS_MAX)), None);
        assert_eq!(reason(&many(HEADERS_MAX + 1)), Some("too_many_headers"));
        let long = |bytes: usize| [("name".to_owned(), vec![0; bytes - 4])];
        assert_eq!(reason(&long(HEADER_BYTES_MAX)), None);
        assert_eq!(
            reason(&long(HEADER_BYTES_MAX + 1)),
            Some("headers_too_large")
        );
        let all_names = [("n".repeat(HEADER_BYTES_MAX + 1), Vec::new())];
        assert_eq!(reason(&all_names), Some("headers_too_large"));
    }

    #[test]
    fn the_last_of_repeated_headers_is_read() {
        let headers: Vec<(String, Vec<u8>)> = vec![
            ("ce_id".to_owned(), b"first".to_vec()),
            ("ce_id".to_owned(), b"second".to_vec()),
        ];
        let last = |name: &str| RawHeaders::last(&headers, name);
        assert_eq!(last("ce_id"), Some(&b"second"[..]));
        assert_eq!(last("ce_type"), None);
    }
}
