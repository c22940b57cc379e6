//! What every row promises, looked for in tables, topics, processes and logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::PoisonError,
    time::Duration,
};

use harness::{eventually, records};
use rdkafka::message::Message as _;

use super::shared::{Expected, Laid, Shared, digest};
use crate::whole::{
    members::{GROUPS, Pipeline},
    poison::header,
    quiet,
    shop::Place,
};

use super::rows::PARKED;

const DEADLINE: Duration = Duration::from_secs(120);
const READ_WITHIN: Duration = Duration::from_secs(60);
/// What a member may use at most: a record that inflates is held by the client, by the batch, and by the
/// statement that keeps it.
const RESIDENT_BYTES_MAX: u64 = 600 << 20;
/// What is in no log, whoever wrote it.
const CANARIES: [&str; 3] = ["forged=true", "DROP TABLE", "jndi:x"];

impl Shared {
    /// Asserts that what a row published was set aside, or took effect, as it has to be, that what is behind
    /// it flows, that nobody has ended over it, and that nobody tells of it.
    pub(super) fn assert_row(&self, row: &str) {
        let letters: Vec<&Laid> = self.letters.iter().filter(|laid| laid.row == row).collect();
        let good: Vec<&Expected> = self.good.iter().filter(|one| one.row == row).collect();
        assert!(
            letters.len() + good.len() > 0,
            "{row} has something to show"
        );
        let mut pipeline = self.pipeline.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, _) in GROUPS {
            let mine = letters.iter().filter(|laid| laid.by.contains(&group));
            assert_set_aside(&pipeline, group, &mine.copied().collect::<Vec<_>>());
        }
        let met: BTreeSet<i32> = letters.iter().map(|laid| laid.place.0).collect();
        let behind = (self.behind.iter()).filter(|(partition, _)| met.contains(partition));
        let behind = behind.map(|(_, purchase_id)| (purchase_id.as_str(), "completed"));
        let good = good.iter().map(|one| (one.purchase_id.as_str(), one.ends));
        assert_ended(&pipeline, &good.chain(behind).collect());
        pipeline.assert_running();
        for member in &pipeline.members {
            let resident = resident_bytes_max(member.id());
            let name = &member.name;
            assert!(
                resident < RESIDENT_BYTES_MAX,
                "{name}: {resident} bytes resident"
            );
            let secrets = letters.iter().filter_map(|laid| laid.secret.as_deref());
            for secret in secrets.chain(CANARIES) {
                assert!(!member.says(secret), "the log of {name} tells of {secret}");
            }
        }
    }

    /// Asserts that the topics of dead letters tell of all that was set aside.
    pub(super) fn assert_all_is_told(&self) {
        let rows: BTreeSet<&str> = self.letters.iter().map(|laid| laid.row).collect();
        rows.iter().for_each(|row| self.assert_row(row));
        let pipeline = self.pipeline.lock().unwrap_or_else(PoisonError::into_inner);
        quiet::until_quiet(&pipeline, DEADLINE);
        for (group, _) in GROUPS {
            let is_told = |laid: &&Laid| laid.by.contains(&group) && laid.reason != PARKED;
            assert_told(
                &pipeline,
                group,
                &self.letters.iter().filter(is_told).collect::<Vec<_>>(),
            );
        }
    }

    /// Asserts that no group knows of what was aborted.
    pub(super) fn assert_aborted_is_unknown(&self) {
        let pipeline = self.pipeline.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, table) in [("payment", "payments"), ("timeline", "purchases")] {
            let query = format!(
                "SELECT count(*) FROM {table} WHERE purchase_id = '{}'",
                self.aborted
            );
            assert_eq!(
                pipeline.database.number(group, &query).unwrap(),
                0,
                "{group}"
            );
        }
    }
}

/// Each of them lies in the table of the group, under its reason, byte for byte.
fn assert_set_aside(pipeline: &Pipeline, group: &str, letters: &[&Laid]) {
    if letters.is_empty() {
        return;
    }
    // Some of the others are very long.
    let places: Vec<String> = (letters.iter())
        .map(|laid| format!("('{}', {}, {})", laid.topic, laid.place.0, laid.place.1))
        .collect();
    let of = |table: &str, reason: &str| {
        format!(
            "SELECT topic, partition, record_offset, {reason}, encode(sha256(payload), 'hex') \
             FROM {table} WHERE (topic, partition, record_offset) IN ({})",
            places.join(", ")
        )
    };
    let query = format!(
        "{} UNION ALL {}",
        of("dead_letters", "reason"),
        of("parked", &format!("'{PARKED}'"))
    );
    let look = || {
        let rows = pipeline.database.look(group, &query).unwrap();
        let place = |row: &[String]| (row[1].parse().unwrap(), row[2].parse().unwrap());
        let kept = rows.into_iter();
        kept.map(|row| {
            (
                (row[0].clone(), place(&row)),
                (row[3].clone(), row[4].clone()),
            )
        })
        .collect::<BTreeMap<(String, Place), (String, String)>>()
    };
    let mut missing = String::new();
    let waited = harness::within(DEADLINE, "they are set aside", || {
        let found = look();
        for laid in letters {
            let (kind, at) = (laid.kind, (laid.topic.clone(), laid.place));
            let Some((reason, digest)) = found.get(&at) else {
                missing = format!("{group} has not set aside {kind} at {at:?}");
                return None;
            };
            assert_eq!(reason, laid.reason, "{kind} in {group}");
            assert_eq!(*digest, laid.digest, "the payload of {kind} in {group}");
        }
        Some(())
    });
    assert!(waited.is_ok(), "{missing}");
}

/// Each of these purchases has come to the end that it has to come to, and is counted once.
fn assert_ended(pipeline: &Pipeline, ends: &BTreeMap<&str, &str>) {
    let quoted = ends
        .keys()
        .map(|purchase_id| format!("'{}'", purchase_id.replace('\'', "''")));
    let them = quoted.collect::<Vec<_>>().join(", ");
    if them.is_empty() {
        return;
    }
    let query = format!("SELECT purchase_id, status FROM purchases WHERE purchase_id IN ({them})");
    let mut missing = String::new();
    let waited = harness::within(DEADLINE, "they come to their ends", || {
        let rows = pipeline.database.look("timeline", &query).unwrap();
        let found: BTreeMap<&str, &str> = (rows.iter())
            .map(|row| (row[0].as_str(), row[1].as_str()))
            .collect();
        missing = format!("{found:?}, not {ends:?}");
        (found == *ends).then_some(())
    });
    assert!(waited.is_ok(), "{missing}");
    let query = format!("SELECT count(*) FROM counted_purchases WHERE purchase_id IN ({them})");
    eventually(DEADLINE, "they are counted", || {
        let counted = pipeline.database.number("analytics", &query).unwrap();
        usize::try_from(counted) == Ok(ends.len())
    });
}

/// The most memory that a process has used so far.
fn resident_bytes_max(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().next().unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}

/// What the record of a dead letter says in its headers, and of its payload.
type Told = (String, String, String);

/// The topic of a group's dead letters tells of each of them, once, and brings its payload if it can.
fn assert_told(pipeline: &Pipeline, group: &str, letters: &[&Laid]) {
    let topic = format!("shop.{group}.dead-letters.v1");
    let ends = records::ends(&pipeline.bootstrap, &[&topic], READ_WITHIN).unwrap();
    let mut told: BTreeMap<(String, Place), Vec<Told>> = BTreeMap::new();
    for partition in 0..i32::try_from(ends[0].next_offsets.len()).unwrap() {
        for record in records::read(&pipeline.bootstrap, &topic, partition, READ_WITHIN).unwrap() {
            let number = |name: &str| header(&record, name);
            let place = (
                number("dlq.original.partition").parse().unwrap(),
                number("dlq.original.offset").parse().unwrap(),
            );
            let at = (header(&record, "dlq.original.topic"), place);
            let (reason, kept) = (
                header(&record, "dlq.error.code"),
                header(&record, "dlq.payload"),
            );
            told.entry(at)
                .or_default()
                .push((reason, kept, digest(record.payload())));
        }
    }
    for laid in letters {
        let at = (laid.topic.clone(), laid.place);
        let tellings = told.get(&at).map_or(&[][..], Vec::as_slice);
        let kind = laid.kind;
        let [(reason, kept, came)] = tellings else {
            panic!("{topic} tells of {kind} {} times", tellings.len())
        };
        assert_eq!(reason, laid.reason, "{kind} in {topic}");
        let is_whole = kept == "whole" && *came == laid.digest;
        assert!(is_whole || kept == "in-store", "{kind} in {topic}: {kept}");
    }
}
