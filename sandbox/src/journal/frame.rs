//! How a commit lies on disk: a header of fixed width with a checksum, then JSON lines.
//!
//! One frame is one commit: it is synced before the next is written. So damage at the end of the
//! newest segment is a commit that nobody was told of, and may be cut off; damage anywhere else is
//! loss, and is never cut off. Lines can be read with `grep -v '^#' | jq`.

/// `#<crc32 of what follows it> <payload bytes> <records>\n`
pub(crate) const HEADER_BYTES: usize = 32;

/// The longest payload a reader accepts.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// The header of a payload.
pub(crate) fn header(payload: &[u8], records: usize) -> [u8; HEADER_BYTES] {
    let sizes = format!(" {:010} {records:010}\n", payload.len());
    let mut crc = crc32fast::Hasher::new();
    crc.update(sizes.as_bytes());
    crc.update(payload);
    let mut header = [0; HEADER_BYTES];
    header.copy_from_slice(format!("#{:08x}{sizes}", crc.finalize()).as_bytes());
    header
}

/// What lies at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole commit; `end` is where the next begins.
    Commit { payload: &'a [u8], end: usize },
    /// Nothing: the segment ends here.
    End,
    /// The end of a commit that was never finished: no whole commit follows.
    Torn,
    /// A damaged commit with a whole one behind it.
    Damaged,
}

/// Reads the frame at `start`.
pub(crate) fn find(segment: &[u8], start: usize) -> Found<'_> {
    if start >= segment.len() {
        return Found::End;
    }
    if let Some((payload, end)) = whole(segment, start) {
        return Found::Commit { payload, end };
    }
    let later = segment[start..]
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, byte)| **byte == b'#');
    for (offset, _) in later {
        let at = start + offset;
        // The line end before it may be what is damaged.
        if whole(segment, at).is_some() {
            return Found::Damaged;
        }
    }
    Found::Torn
}

fn whole(segment: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let body = start.checked_add(HEADER_BYTES)?;
    let header = std::str::from_utf8(segment.get(start..body)?).ok()?;
    let crc = u32::from_str_radix(header.strip_prefix('#')?.get(..8)?, 16).ok()?;
    let bytes: usize = header.get(10..20)?.parse().ok()?;
    if bytes > PAYLOAD_BYTES_MAX {
        return None;
    }
    let end = body.checked_add(bytes)?;
    let payload = segment.get(body..end)?;
    let mut found = crc32fast::Hasher::new();
    found.update(&segment[start + 9..end]);
    (found.finalize() == crc).then_some((payload, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(payloads: &[&str]) -> Vec<u8> {
        let mut bytes = vec![];
        for payload in payloads {
            bytes.extend_from_slice(&header(payload.as_bytes(), 1));
            bytes.extend_from_slice(payload.as_bytes());
        }
        bytes
    }

    #[test]
    fn commits_are_read_in_order() {
        let bytes = segment(&["{}\n", "{\"a\":1}\n"]);
        let Found::Commit { payload, end } = find(&bytes, 0) else {
            panic!("no commit")
        };
        assert_eq!(payload, b"{}\n");
        let Found::Commit { payload, end } = find(&bytes, end) else {
            panic!("no commit")
        };
        assert_eq!(payload, b"{\"a\":1}\n");
        assert_eq!(find(&bytes, end), Found::End);
    }

    #[test]
    fn a_commit_cut_anywhere_is_torn() {
        let bytes = segment(&["{\"a\":1}\n"]);
        for length in 1..bytes.len() {
            assert_eq!(find(&bytes[..length], 0), Found::Torn, "cut at {length}");
        }
    }

    #[test]
    fn any_changed_byte_before_a_whole_commit_is_damage() {
        let bytes = segment(&["{\"a\":1}\n", "{\"b\":2}\n"]);
        let first = HEADER_BYTES + 8;
        for at in 0..first {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(matches!(find(&changed, 0), Found::Damaged), "byte {at}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_torn() {
        let mut bytes = segment(&["{}\n"]);
        let end = bytes.len();
        bytes.extend_from_slice(&[0; 4096]);
        assert_eq!(find(&bytes, end), Found::Torn);
    }
}
