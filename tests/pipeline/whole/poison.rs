//! Every kind of record that nobody can read or act on: set aside by every group, as it came, for the
//! reason that is right, and the records behind it flow.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use harness::{records, strange};
use rand::{SeedableRng as _, rngs::StdRng};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use runtime::Headers;
use simulator::poison::Poison;

use super::{
    members::{GROUPS, Pipeline},
    quiet,
    shop::{self, Counter, Place},
};

const DEADLINE: Duration = Duration::from_secs(90);
const READ_WITHIN: Duration = Duration::from_secs(20);

/// An id that is data to whoever reads it, in a statement, in a query, in a header and in a log.
pub(crate) const HOSTILE: &str =
    "o'hara\"42\\ %s%n '; DROP TABLE payments --\u{e9}\u{65e5}\u{672c}";

/// What a group has to set aside, by topic and place.
type Expected<'a> = BTreeMap<(&'a str, Place), &'a Poison>;

pub(crate) fn every_kind_is_set_aside_as_it_came(pipeline: &mut Pipeline) {
    let counter = Counter::open(&pipeline.bootstrap);
    counter.fill_shelves(1_000);
    // Nearly all is poison at first: that alone must not stop a group here.
    pipeline.set("consumer.dead_letter_share_max", "1");
    pipeline.start_sandbox();
    pipeline.start_all(1);
    pipeline.until_shelves_are_full();

    let mut random = StdRng::seed_from_u64(1);
    let bases = shop::purchases(1, 3, Poison::kinds());
    let mut poison: Vec<Poison> = (bases.iter().enumerate())
        .map(|(which, base)| Poison::of(which, base, &mut random))
        .collect();
    poison.extend((1..=3).flat_map(|version| cut_short(&counter, version)));
    let places = counter.publish(poison.iter().map(|one| one.record.clone()).collect());
    // So many that each partition has some: a record without a key lies on any of them.
    let mut behind = shop::purchases(2, 2, 160);
    behind[0].purchase_id = HOSTILE.to_owned();
    behind[0].customer_id = HOSTILE.to_owned();
    let behind_at = counter.buy(&behind);
    for (partition, _) in &places {
        assert!(
            behind_at.iter().any(|(other, _)| other == partition),
            "behind each is a good one"
        );
    }

    quiet::until_quiet(pipeline, DEADLINE);
    pipeline.assert_running();

    for (group, topics) in GROUPS {
        let expected: BTreeMap<(&str, Place), &Poison> = (places.iter().zip(&poison))
            .map(|(place, one)| ((one.record.topic.as_str(), *place), one))
            .filter(|((topic, _), _)| topics.contains(topic))
            .collect();
        assert_kept_in_the_table(pipeline, group, &expected);
        assert_told_on_the_topic(pipeline, group, &expected);
    }
    let query = "SELECT count(*) FROM purchases WHERE status = 'completed'";
    let completed = pipeline.database.number("timeline", query).unwrap();
    assert_eq!(
        usize::try_from(completed).unwrap(),
        behind.len(),
        "what is behind them flows"
    );
}

/// A record of a version that ends in its frame, behind it, midway and before its last byte.
fn cut_short(counter: &Counter, version: u8) -> Vec<Poison> {
    let cuts = |bytes: usize| [2, 9, 10, 11, bytes / 2, bytes.saturating_sub(1)];
    let bases = shop::purchases(10 + u64::from(version), version, cuts(0).len());
    let cut = bases.iter().enumerate().map(|(number, base)| {
        let mut record = counter.record(base, version);
        let payload = record.payload.as_mut().unwrap();
        payload.truncate(cuts(payload.len())[number]);
        Poison {
            kind: "cut_short",
            reason: "truncated",
            record,
        }
    });
    cut.collect()
}

/// What others write into a header says nothing of the purchase.
pub(crate) fn a_header_whose_name_is_no_text_stops_nothing(pipeline: &mut Pipeline) {
    let counter = Counter::open(&pipeline.bootstrap);
    counter.fill_shelves(1_000);
    pipeline.start_sandbox();
    pipeline.start_all(1);
    pipeline.until_shelves_are_full();

    let bought = shop::purchases(1, 3, 5);
    for purchase in &bought[..2] {
        let record = counter.record(purchase, 3);
        let (key, payload) = (record.key.unwrap(), record.payload.unwrap());
        let name = c"\xff\xfe";
        strange::write(&pipeline.bootstrap, &record.topic, &key, &payload, name).unwrap();
    }
    counter.buy(&bought[2..]);

    quiet::until_quiet(pipeline, DEADLINE);
    pipeline.assert_running();
    let query = "SELECT count(*) FROM purchases WHERE status = 'completed'";
    let completed = pipeline.database.number("timeline", query).unwrap();
    assert_eq!(usize::try_from(completed).unwrap(), bought.len());
    pipeline.succeed(&["audit"]);
}

fn assert_kept_in_the_table(pipeline: &Pipeline, group: &str, expected: &Expected<'_>) {
    let database = &pipeline.database;
    let query = format!(
        "SELECT partition, record_offset, topic, reason, payload IS NULL, {}, record_key IS NULL, \
         {}, {}, state FROM dead_letters",
        database.hex("payload"),
        database.hex("record_key"),
        database.hex("headers"),
    );
    let rows = database.look(group, &query).unwrap();
    assert_eq!(
        rows.len(),
        expected.len(),
        "{group} has set aside each, and nothing else"
    );
    for row in rows {
        let place = (row[0].parse().unwrap(), row[1].parse().unwrap());
        let poison = expected[&(row[2].as_str(), place)];
        let (payload, key) = (&poison.record.payload, &poison.record.key);
        let headers = Headers(poison.record.headers.clone()).to_bytes();
        let wanted = [
            poison.record.topic.as_str(),
            poison.reason,
            if payload.is_none() { "1" } else { "0" },
            &hex(payload.as_deref()),
            if key.is_none() { "1" } else { "0" },
            &hex(key.as_deref()),
            &hex(Some(&headers)),
            "set_aside",
        ];
        assert_eq!(row.len(), 2 + wanted.len());
        for (found, wanted) in row[2..].iter().zip(wanted) {
            let what = format!("{} in the table of {group}", poison.kind);
            // Some are very long.
            assert!(found == wanted, "{what}: {found:.200}, not {wanted:.200}");
        }
    }
}

fn assert_told_on_the_topic(pipeline: &Pipeline, group: &str, expected: &Expected<'_>) {
    let topic = format!("shop.{group}.dead-letters.v1");
    let ends = records::ends(&pipeline.bootstrap, &[&topic], READ_WITHIN).unwrap();
    let mut told = 0;
    for partition in 0..ends[0].next_offsets.len() {
        let partition = i32::try_from(partition).unwrap();
        for record in records::read(&pipeline.bootstrap, &topic, partition, READ_WITHIN).unwrap() {
            let header = |name: &str| header(&record, name);
            let place = (
                header("dlq.original.partition").parse().unwrap(),
                header("dlq.original.offset").parse().unwrap(),
            );
            let poison = expected[&(header("dlq.original.topic").as_str(), place)];
            assert_eq!(
                header("dlq.error.code"),
                poison.reason,
                "{} of {group}",
                poison.kind
            );
            assert_eq!(header("dlq.payload"), "whole");
            let came = record.payload();
            let is_whole = came == poison.record.payload.as_deref();
            assert!(is_whole, "the payload of {} came along", poison.kind);
            for (name, value) in &poison.record.headers {
                let value = value.as_deref().unwrap_or_default();
                let came = raw_header(&record, name);
                assert_eq!(came, value, "the header {name} came along");
            }
            told += 1;
        }
    }
    assert_eq!(told, expected.len(), "{topic} tells of each once");
}

pub(crate) fn header(record: &OwnedMessage, name: &str) -> String {
    String::from_utf8_lossy(raw_header(record, name)).into_owned()
}

fn raw_header<'r>(record: &'r OwnedMessage, name: &str) -> &'r [u8] {
    let headers = record.headers().expect("a dead letter has headers");
    let found = headers.iter().filter(|header| header.key == name).last();
    found.and_then(|header| header.value).unwrap_or_default()
}

fn hex(bytes: Option<&[u8]>) -> String {
    bytes
        .unwrap_or_default()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes what is written");
            text
        })
}
