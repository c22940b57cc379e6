//! A: bytes that rot on the broker's disk.

use std::{collections::BTreeMap, fs, ops::Range, path::Path};

use harness::{Broker as _, eventually, kafka::Kafka, postgres};
use schemas::topics::PURCHASES;

use crate::whole::{
    database::Database,
    members::{Pipeline, SOON},
    shop::{self, Counter},
};

/// A batch whose bytes were damaged is never decoded.
#[test]
fn a17_a_batch_whose_bytes_rot_on_the_brokers_disk_halts_its_partition() {
    let mut kafka = Kafka::start().unwrap();
    let (mut pipeline, counter) = payment_alone(&kafka);
    let mut places = Vec::new();
    for few in shop::purchases(1, 2, 90).chunks(15) {
        places.extend(counter.buy(few));
    }
    drop(counter);
    // Started in order, the broker does not look at what it has written before.
    kafka.shut_down().unwrap();
    let segment = kafka
        .data()
        .join(format!("{PURCHASES}-1/00000000000000000000.log"));
    // Between them lies one that is sound.
    let damaged = flip_a_byte_of_batches(&segment, [1, 3]);
    kafka.restart().unwrap();
    let payment = pipeline.start("payment", &[]);

    let lies = |from: i64, to: i64| {
        let within = (places.iter()).filter(|(of, at)| *of == 1 && (from..to).contains(at));
        i64::try_from(within.count()).unwrap()
    };
    let elsewhere = 90 - lies(0, i64::MAX);
    let mut sound = 0;
    for gap in &damaged {
        sound += lies(sound_from(&damaged, gap), gap.start);
        until_halted_before(&pipeline, payment, gap);
        pipeline.members[payment].assert_live();
        until_known(&pipeline, elsewhere + sound);
        let moved = go_on_behind(&mut pipeline);
        let skipped = format!("{} offsets skipped", gap.end - gap.start);
        assert!(moved.contains(&skipped), "{moved}");
    }
    let last = damaged.last().expect("two are damaged");
    until_known(&pipeline, elsewhere + sound + lies(last.end, i64::MAX));
    let letters = "SELECT count(*) FROM dead_letters";
    assert_eq!(pipeline.database.number("payment", letters).unwrap(), 0);
    pipeline.assert_running();

    // Nobody may take what is lost for accounted for: the audit reads on behind it, and names it.
    let (status, said) = pipeline.command(&["audit"]);
    assert_eq!(status.code(), Some(1), "{said}");
    for gap in &damaged {
        let (from, to) = (gap.start, gap.end - 1);
        let named = format!("offsets {from} to {to} are gone: their bytes are damaged");
        assert!(said.contains(&named), "{named}: {said}");
    }
}

/// Where the sound records before a gap begin.
fn sound_from(damaged: &[Range<i64>], gap: &Range<i64>) -> i64 {
    let before = damaged.iter().filter(|one| one.end <= gap.start);
    before.map(|one| one.end).max().unwrap_or(0)
}

/// Waits until the account of the halt says exactly what cannot be read.
fn until_halted_before(pipeline: &Pipeline, payment: usize, gap: &Range<i64>) {
    let partition = format!("{PURCHASES}[1]");
    eventually(SOON, "the partition has halted", || {
        let status = pipeline.members[payment].status();
        let account = &status["halted"][&partition];
        account["cause"] == "damaged" && account["next_offset"] == gap.start
    });
    let account = pipeline.members[payment].status()["halted"][&partition].clone();
    assert_eq!(account["first_offset"], gap.end, "{account}");
    assert_eq!(account["unreadable"], gap.end - gap.start, "{account}");
}

/// An operator decides that it goes on with the next record that can be read.
fn go_on_behind(pipeline: &mut Pipeline) -> String {
    let on = ["positions", "move", "payment", "--topic", PURCHASES];
    let how = ["--partition", "1", "--to", "earliest", "--reason", "rotten"];
    let who = ["--by", "ada", "--yes", "--wait", "60s"];
    pipeline.succeed(&[&on[..], &how, &who].concat())
}

/// Changes one bit in the payloads of these batches of a segment: the offsets that they hold.
fn flip_a_byte_of_batches(segment: &Path, which: [usize; 2]) -> Vec<Range<i64>> {
    const HEADER_BYTES: usize = 61;
    let mut bytes = fs::read(segment).unwrap();
    let mut batches: BTreeMap<i64, usize> = BTreeMap::new();
    let mut at = 0;
    while at + HEADER_BYTES < bytes.len() {
        let base = i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        batches.insert(base, at);
        let length = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        at += 12 + usize::try_from(length).unwrap();
    }
    let bases: Vec<i64> = batches.keys().copied().collect();
    assert!(bases.len() > 4, "{bases:?}");
    let damaged = which.map(|which| bases[which]..bases[which + 1]);
    for range in &damaged {
        bytes[batches[&range.start] + HEADER_BYTES + 4] ^= 1;
    }
    fs::write(segment, bytes).unwrap();
    damaged.to_vec()
}

fn payment_alone(kafka: &Kafka) -> (Pipeline, Counter) {
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("topics.partitions", "3");
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.start_sandbox();
    let counter = Counter::open(&pipeline.bootstrap);
    (pipeline, counter)
}

fn until_known(pipeline: &Pipeline, count: i64) {
    let query = "SELECT count(*) FROM payments WHERE content_hash IS NOT NULL";
    eventually(SOON, &format!("{count} purchases are known"), || {
        pipeline.database.number("payment", query).unwrap() == count
    });
}
