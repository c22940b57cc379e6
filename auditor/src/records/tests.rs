//! Records through their files, and on topics that are not what they were.

use std::{collections::BTreeMap, sync::Arc};

use client::Publisher;
use runtime::{
    Coordinates, Headers, Record,
    kafka::{in_process::InProcessCluster, scan::Scanner},
};
use schemas::encode::Encoded;

use super::*;
use crate::{
    evidence::{Evidence, Loss},
    report::{Promise, Report},
    topics::Bounds,
};

const PARTS: Parts = Parts {
    shards: 1,
    parts: 2,
};
const TOPIC: &str = topics::ALL[0];

fn record(topic: usize, offset: i64, key: Option<&[u8]>, payload: Option<&[u8]>) -> Record {
    let mut headers = Headers::default();
    headers.push("ce_id", offset.to_string());
    Record {
        at: Coordinates {
            topic: Arc::from(topics::ALL[topic]),
            partition: 0,
            offset,
        },
        key: key.map(<[u8]>::to_vec),
        payload: payload.map(<[u8]>::to_vec),
        headers,
        timestamp_micros: 7 * offset,
    }
}

/// One partition of one topic.
fn layout(first: i64, noted_end: i64) -> Layout {
    let bounds = Bounds { first, noted_end };
    Layout {
        partitions: BTreeMap::from([(TOPIC, 1)]),
        bounds: BTreeMap::from([((TOPIC, 0), bounds)]),
        ..Layout::default()
    }
}

/// So many records of the first topic, as if they had been read.
fn read(count: i64) -> Records {
    let mut records = Records::new(None, PARTS).unwrap();
    let mut extent = Extent::from(0);
    for offset in 0..count {
        let key = format!("p{offset}").into_bytes();
        let one = record(0, offset, Some(&key), Some(b"bought"));
        records.append((TOPIC, 0), 0, &one).unwrap();
        extent.note(TOPIC, &one);
        extent.next = offset + 1;
    }
    records.read.insert((TOPIC, 0), extent);
    records
}

/// The offsets of all that is there.
fn offsets(records: &mut Records) -> Vec<i64> {
    let (mut offsets, parts) = (Vec::new(), records.parts);
    for part in 0..parts.parts {
        let each = |_: &'static str, one: Record| {
            let key = one.key.as_deref().unwrap_or_default();
            assert_eq!(parts.part_of(key), part);
            offsets.push(one.at.offset);
        };
        records.each(0, part, each).unwrap();
    }
    offsets.sort_unstable();
    offsets
}

fn lost(from: Option<i64>) -> [Loss; 1] {
    let topic = TOPIC.to_owned();
    [Loss {
        topic,
        partition: 0,
        from,
    }]
}

#[test]
fn records_come_back_as_they_came_in_the_part_of_their_key() {
    let mut records = Records::new(None, PARTS).unwrap();
    let all = [
        record(0, 0, Some(b"a"), Some(b"bought")),
        record(0, 1, None, None),
        record(0, 2, Some(b"b"), Some(b"")),
        record(4, 0, Some(b"a"), Some(&[9; 100_000])),
    ];
    for one in &all {
        let topic = topics::ALL.into_iter().find(|name| *name == &*one.at.topic);
        records.append((topic.unwrap(), 0), 0, one).unwrap();
    }
    let mut back = Vec::new();
    for part in 0..2 {
        let each = |topic: &'static str, one: Record| {
            assert_eq!(topic, &*one.at.topic);
            assert_eq!(PARTS.part_of(one.key.as_deref().unwrap_or_default()), part);
            back.push(one);
        };
        records.each(0, part, each).unwrap();
    }
    back.sort_by(|one, other| one.at.cmp(&other.at));
    let mut expected = all.to_vec();
    expected.sort_by(|one, other| one.at.cmp(&other.at));
    assert_eq!(back, expected);
}

#[test]
fn after_a_failure_to_write_everything_is_read_anew() {
    let mut records = Records::new(None, Parts::whole(1)).unwrap();
    let long = record(0, 0, Some(b"a"), Some(&[9; 100_000]));
    records.append((TOPIC, 0), 0, &long).unwrap();
    let mut records = records.go_on(None, &layout(0, 1), &[]).unwrap();
    records.files.lose_folder();
    records.append((TOPIC, 0), 0, &long).unwrap_err();
    assert!(records.go_on(None, &layout(0, 1), &[]).is_none());
}

#[test]
fn what_has_grown_is_cut_anew_from_its_own_files() {
    let layout = layout(40, 1_000_000);
    let mut records = read(50).go_on(None, &layout, &[]).unwrap();
    assert_eq!(records.parts, Parts::of(&layout));
    assert!(records.parts.parts > 50, "{:?}", records.parts);
    let all: Vec<i64> = (0..50).collect();
    assert_eq!(offsets(&mut records), all, "retention took none of it");
    let read = records.of(TOPIC, 0);
    assert_eq!((read.low, read.next, read.records), (0, 50, 50));
    let mut layout = layout;
    records.keep_beginnings(&mut layout);
    assert_eq!(layout.of(TOPIC, 0).first, 0, "it is still here");
}

#[test]
fn what_a_topic_has_lost_counts_no_more_and_what_comes_in_its_place_does() {
    let lost = lost(Some(40));
    let mut records = read(50).go_on(None, &layout(0, 40), &lost).unwrap();
    assert_eq!(offsets(&mut records), (0..40).collect::<Vec<i64>>());
    let mut read = records.of(TOPIC, 0);
    assert_eq!((read.next, read.records, read.last), (40, 40, Some(39)));
    let generation = read.generation();
    let another = record(0, 45, Some(b"another"), None);
    records.append((TOPIC, generation), 0, &another).unwrap();
    read.next = 46;
    records.read.insert((TOPIC, 0), read);
    let expected: Vec<i64> = (0..40).chain([45]).collect();
    assert_eq!(offsets(&mut records), expected);
    let mut cut = records.go_on(None, &layout(0, 1_000_000), &[]).unwrap();
    assert_eq!(offsets(&mut cut), expected, "also once it was cut anew");
}

#[test]
fn a_topic_made_anew_and_one_that_was_not_read_in_time_begin_anew() {
    let mut anew = read(50).go_on(None, &layout(3, 60), &lost(None)).unwrap();
    assert!(offsets(&mut anew).is_empty());
    assert_eq!((anew.of(TOPIC, 0).low, anew.of(TOPIC, 0).next), (3, 3));
    let mut late = read(50).go_on(None, &layout(51, 60), &[]).unwrap();
    assert!(offsets(&mut late).is_empty(), "there is a gap");
    assert_eq!(late.of(TOPIC, 0).low, 51);
    let mut in_time = read(50).go_on(None, &layout(50, 60), &[]).unwrap();
    assert_eq!(offsets(&mut in_time).len(), 50);
}

/// A cluster with so many purchases by this customer.
fn cluster(count: usize, by: &str) -> InProcessCluster {
    let cluster = InProcessCluster::start().unwrap();
    for topic in topics::ALL {
        cluster.create_topic(topic, 1).unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = client::Config::new(cluster.bootstrap_servers());
        let registry = prometheus::Registry::new();
        let publisher = Publisher::open(&config, &registry).unwrap();
        for n in 0..count {
            let key = format!("{by}{n}");
            let one = Encoded {
                topic: TOPIC,
                key: key.clone().into_bytes(),
                payload: b"bought".to_vec(),
                headers: Vec::new(),
                event_id: key,
            };
            publisher.publish(one).await.unwrap();
        }
    });
    cluster
}

#[test]
fn another_topic_that_has_grown_longer_does_not_pass_for_the_same() {
    let mut evidence = Evidence::default();
    let mut known: Option<Records> = None;
    let mut look = |cluster: &InProcessCluster| {
        let servers = cluster.bootstrap_servers();
        let scanner = Scanner::connect(&servers, &BTreeMap::new()).unwrap();
        let mut layout = Layout::default();
        let bounds = |topic| {
            let (first, noted_end) = scanner.bounds(topic, 0).unwrap();
            ((topic, 0), Bounds { first, noted_end })
        };
        layout.bounds.extend(topics::ALL.map(bounds));
        layout
            .partitions
            .extend(topics::ALL.map(|topic| (topic, 1)));
        let losses = evidence.compare(&layout);
        let went = (known.take()).and_then(|known| known.go_on(None, &layout, &losses));
        let mut records = went.unwrap_or_else(|| Records::new(None, PARTS).unwrap());
        records
            .read_on(&scanner, 0, &layout, &mut evidence)
            .unwrap();
        let seen = offsets(&mut records);
        known = Some(records);
        let mut report = Report::default();
        evidence.report(&mut report);
        let named = report.of(Promise::AcceptedIsKept).named.clone();
        (
            seen,
            named.into_iter().map(|one| one.what).collect::<Vec<_>>(),
        )
    };
    let (first, longer, shorter) = (cluster(6, "a"), cluster(9, "b"), cluster(4, "c"));
    assert_eq!(look(&first), ((0..6).collect(), vec![]));
    assert_eq!(look(&first), ((0..6).collect(), vec![]));
    let (seen, named) = look(&longer);
    assert_eq!(seen, (0..9).collect::<Vec<i64>>());
    let replaced = "lost: offsets 0 to 5 are gone: another record stands at @5 now";
    assert_eq!(named, [replaced]);
    let (seen, named) = look(&shorter);
    assert_eq!(seen, (0..4).collect::<Vec<i64>>());
    let shrunk = "lost: offsets 4 to 8 are gone: it ends at @4 now";
    assert_eq!(named, [replaced, shrunk]);
}
