//! A record as it comes from a topic: topic, key, headers, payload and the broker's time, through the
//! codec that every group reads with.

use std::sync::LazyLock;

use codec::Codec;
use runtime::{Coordinates, Headers, Outgoing, Record, Refusal};
use schemas::headers::{Extent, SCHEMA_HEADER};
use schemas::wire::framing::SCHEMA_ID_HEADER;
use schemas::{Encoder, Event, RawHeaders, RawRecord, Refused, topics, versions};

use crate::input::Input;
use crate::readers;

/// By index in an input; a topic that is none of ours comes last.
pub(crate) const TOPICS: [&str; 6] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::RESERVATIONS,
    topics::SHIPMENTS,
    topics::STOCK,
    "shop.audit.v1",
];
/// The headers that something is made of, by index in an input; any other name is spelt out.
pub(crate) const NAMES: [&str; 6] = [
    "ce_id",
    "ce_type",
    "ce_minreader",
    SCHEMA_HEADER,
    SCHEMA_ID_HEADER,
    "content-type",
];

static CODEC: LazyLock<Codec> =
    LazyLock::new(|| Codec::new(readers::reader(versions::READER), Encoder::new()));

/// The last of a name counts; null says nothing.
struct Sent<'a>(&'a [(String, Option<Vec<u8>>)]);

impl RawHeaders for Sent<'_> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.0.iter().rfind(|(other, _)| other == name)?;
        value.as_deref()
    }

    fn extent(&self) -> Extent {
        let lengths = |(name, value): &(String, Option<Vec<u8>>)| {
            (name.len(), value.as_ref().map_or(0, Vec::len))
        };
        Extent::of(self.0.iter().map(lengths))
    }
}

/// Topic, time, key, number of headers, headers, payload.
pub(crate) fn run(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let topic = TOPICS[usize::from(input.byte()) % TOPICS.len()];
    let timestamp_micros = input.i64();
    let key = optional(&mut input);
    let count = input.byte();
    let headers: Vec<_> = (0..count).map(|_| header(&mut input)).collect();
    let payload = Some(input.rest()).filter(|payload| !payload.is_empty());

    let expected = readers::hold(&RawRecord {
        topic,
        key: key.as_deref(),
        payload,
        headers: &Sent(&headers),
        timestamp_micros,
    });
    let record = Record {
        at: Coordinates {
            topic: topic.into(),
            partition: 0,
            offset: 0,
        },
        key,
        payload: payload.map(<[u8]>::to_vec),
        headers: Headers(headers),
        timestamp_micros,
    };
    let read = CODEC.read_written(&record);
    match (&read, &expected) {
        (Ok((event, written)), Ok(decoded)) => {
            assert_eq!((event, written), (&decoded.event, &decoded.written));
            if let Event::Fact(fact) = event {
                assert_eq!(CODEC.read(&arrived(CODEC.write(fact))).as_ref(), Ok(event));
            }
        }
        (Err(Refusal::Parked { min_reader }), Err(Refused::NeedsReader(needed))) => {
            assert_eq!(min_reader, needed);
        }
        (Err(Refusal::Poison { .. }), Err(Refused::Poison { .. })) => {}
        _ => panic!("the codec says {read:?}, the decoder {expected:?}"),
    }
    read.is_ok()
}

/// A flag, then a chunk: an absent value and an empty one are not the same.
fn optional(input: &mut Input<'_>) -> Option<Vec<u8>> {
    (input.byte() != 0).then(|| input.chunk().to_vec())
}

fn header(input: &mut Input<'_>) -> (String, Option<Vec<u8>>) {
    let known = NAMES.get(usize::from(input.byte()));
    let name = known.map_or_else(|| input.text(), |name| (*name).to_owned());
    (name, optional(input))
}

/// What was sent, as its readers get it.
fn arrived(sent: Outgoing) -> Record {
    Record {
        at: Coordinates {
            topic: sent.topic.as_str().into(),
            partition: 0,
            offset: 0,
        },
        key: Some(sent.key),
        payload: sent.payload,
        headers: sent.headers,
        timestamp_micros: 0,
    }
}
