//! Bytes that were once written can be read for ever, by every reader, as what they said.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;
use std::path::Path;

use schemas::{Decoder, Encoded, Event, RawRecord, Refused, released, versions};

mod cases;

type NoHeaders = [(String, Vec<u8>)];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn golden(file: &str) -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap_or_else(|error| {
        panic!("golden/{file}: {error}; run: cargo run -p schemas --example write_golden")
    });
    text.lines()
        .map(|line| {
            let (hex, says) = line.split_once(' ').unwrap();
            let bytes = (0..hex.len()).step_by(2);
            let bytes = bytes.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            (says.to_owned(), bytes.collect())
        })
        .collect()
}

fn decode(
    encoded: &Encoded,
    payload: &[u8],
    reader: u32,
    with_headers: bool,
) -> Result<Event, Refused> {
    let none: &NoHeaders = &[];
    let headers = if with_headers {
        encoded.headers.as_slice()
    } else {
        none
    };
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(payload),
        headers: &headers,
        timestamp_micros: 0,
    };
    Decoder::new(reader)
        .decode(&record)
        .map(|decoded| decoded.event)
}

#[test]
fn every_released_schema_has_golden_bytes_and_nothing_else_has() {
    let expected: BTreeSet<String> = cases::all().iter().map(cases::Case::golden_file).collect();
    let there: BTreeSet<String> = (std::fs::read_dir(folder()).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, expected);
    assert_eq!(there.len(), released::all().len());
}

#[test]
fn the_golden_bytes_are_what_is_written_today() {
    for case in cases::all() {
        let golden = golden(&case.golden_file());
        let (_, bytes) = golden.iter().find(|(says, _)| says == case.says).unwrap();
        assert_eq!(
            &case.encoded().payload,
            bytes,
            "{}: {}",
            case.golden_file(),
            case.says
        );
    }
}

#[test]
fn every_reader_reads_golden_bytes_as_they_were_meant_or_parks_them() {
    for case in cases::all() {
        let encoded = case.encoded();
        let stated = encoded
            .headers
            .iter()
            .find(|(name, _)| name == "ce_minreader")
            .unwrap();
        let min_reader: u32 = std::str::from_utf8(&stated.1).unwrap().parse().unwrap();
        for (says, bytes) in golden(&case.golden_file()) {
            if says != case.says {
                continue;
            }
            for reader in 1..=versions::NEWEST {
                for with_headers in [true, false] {
                    let read = decode(&encoded, &bytes, reader, with_headers);
                    if reader >= min_reader {
                        assert_eq!(read, Ok(case.event.clone()), "{says} by reader {reader}");
                    } else {
                        assert_eq!(read, Err(Refused::NeedsReader(min_reader)), "{says}");
                    }
                }
            }
        }
    }
}

#[test]
fn golden_bytes_cut_anywhere_or_continued_are_refused() {
    for case in cases::all() {
        let encoded = case.encoded();
        for (says, bytes) in golden(&case.golden_file()) {
            for length in 0..bytes.len() {
                let cut = decode(&encoded, &bytes[..length], versions::NEWEST, true);
                let Err(Refused::Poison { reason, .. }) = cut else {
                    panic!("{says} cut at {length}: {cut:?}");
                };
                let expected = ["empty", "bad_magic", "truncated"];
                assert!(
                    expected.contains(&reason),
                    "{says} cut at {length}: {reason}"
                );
            }
            for more in [&[0u8][..], &bytes[10..], b"\xff\xff"] {
                let continued = [&bytes, more].concat();
                let read = decode(&encoded, &continued, versions::NEWEST, true);
                let is_trailing = matches!(
                    read,
                    Err(Refused::Poison {
                        reason: "trailing_bytes",
                        ..
                    })
                );
                assert!(is_trailing, "{says}: {read:?}");
            }
        }
    }
}
