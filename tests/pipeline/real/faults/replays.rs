//! B7, B8 and B10: what is read more than once, in another order, or by another version.

use std::{collections::BTreeMap, time::Duration};

use harness::{eventually, kafka::Kafka, records};
use rdkafka::{
    ClientConfig, Message as _,
    message::OwnedMessage,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use sandbox::Faults;
use schemas::topics;
use simulator::Plan;

use super::machine::{HEALED_WITHIN, Machine, PURCHASES_PER_SECOND};
use crate::whole::{
    load::Load,
    members::{GROUPS, Pipeline, SOON},
    quiet,
};

const READ_WITHIN: Duration = Duration::from_secs(60);

/// Shops that publish nothing that has to be set aside: published again, it would be set aside again.
fn clean() -> Plan {
    let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    plan.shares.poison = 0.0;
    plan.shares.conflicts = 0.0;
    plan
}

fn until_read(pipeline: &Pipeline, count: i64) {
    eventually(SOON, &format!("{count} purchases are read"), || {
        quiet::purchases_read(pipeline).unwrap() >= count
    });
}

#[test]
fn b7_what_comes_again_and_in_another_order_has_one_effect() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_plan_while(&load, clean(), |machine| {
        until_read(&machine.pipeline, 100);
        // The purchases and whatever has followed from them by now, the last first.
        for topic in [
            topics::SHIPMENTS,
            topics::RESERVATIONS,
            topics::PAYMENTS,
            topics::PURCHASES,
        ] {
            publish_backwards(&machine.pipeline.bootstrap, topic);
        }
        let read = quiet::purchases_read(&machine.pipeline).unwrap();
        until_read(&machine.pipeline, read + 100);
    });
    let query = "SELECT coalesce(sum(duplicates), 0) FROM positions";
    for (group, _) in GROUPS {
        let duplicates = machine.pipeline.database.number(group, query).unwrap();
        assert!(duplicates >= 100, "{group} knew {duplicates} of them");
    }
}

fn publish_backwards(bootstrap: &str, topic: &str) {
    let ends = records::ends(bootstrap, &[topic], READ_WITHIN).unwrap();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for partition in 0..i32::try_from(ends[0].next_offsets.len()).unwrap() {
        let records = records::read(bootstrap, topic, partition, READ_WITHIN).unwrap();
        for record in records.iter().rev() {
            producer
                .send(copy(record))
                .map_err(|(error, _)| error)
                .unwrap();
        }
    }
    producer.flush(READ_WITHIN).unwrap();
}

fn copy(record: &OwnedMessage) -> BaseRecord<'_, [u8], [u8]> {
    let mut copy = BaseRecord::to(record.topic()).partition(record.partition());
    copy.key = record.key();
    copy.payload = record.payload();
    copy.headers = record.headers().cloned();
    copy
}

#[test]
fn b8_reading_everything_again_from_the_beginning_has_no_effect() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_plan_while(&load, clean(), |machine| until_read(&machine.pipeline, 250));

    let pipeline = &mut machine.pipeline;
    for which in 0..pipeline.members.len() {
        pipeline.stop(which);
    }
    let before: Vec<_> = GROUPS
        .iter()
        .map(|(group, _)| contents(pipeline, group))
        .collect();
    for (group, _) in GROUPS {
        let again = "UPDATE positions SET next_offset = 0";
        pipeline.database.look(group, again).unwrap();
    }
    for which in 0..pipeline.members.len() {
        pipeline.start_again(which);
    }
    quiet::until_quiet(pipeline, HEALED_WITHIN);
    for ((group, _), before) in GROUPS.iter().zip(before) {
        let after = contents(pipeline, group);
        for (table, rows) in before {
            assert_eq!(after[&table], rows, "{table} of {group}");
        }
    }
}

/// Every table of a group but those that say who reads and how far: how many rows, and a digest of them all.
fn contents(pipeline: &Pipeline, group: &str) -> BTreeMap<String, Vec<String>> {
    let tables = format!(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = '{group}' AND table_name NOT IN ('shards', 'positions')"
    );
    let tables = pipeline.database.column(group, &tables).unwrap();
    assert!(tables.len() > 5, "{group} has tables: {tables:?}");
    let content = |table: String| {
        let query = format!(
            "SELECT count(*), md5(coalesce(string_agg(it::text, ' ' ORDER BY it::text), '')) FROM {table} it"
        );
        let rows = pipeline.database.look(group, &query).unwrap();
        (table, rows[0].clone())
    };
    tables.into_iter().map(content).collect()
}

#[test]
fn b10_old_and_new_readers_side_by_side_and_the_way_back_misread_nothing() {
    const OLD: [(&str, &str); 2] = [
        ("schemas.reader_version", "1"),
        ("schemas.write_version", "1"),
    ];
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    for (group, _) in GROUPS {
        machine.pipeline.start(group, &OLD);
    }
    // Foreign shops write past the readers; the storefront would not.
    let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    plan.shares.http = 0.0;
    machine.sells_plan_while(&load, plan, |machine| {
        let pipeline = &mut machine.pipeline;
        let parked = |pipeline: &Pipeline| {
            let count = "SELECT count(*) FROM parked";
            let of = |(group, _): &(&str, _)| pipeline.database.number(group, count).unwrap();
            GROUPS.iter().map(of).min().unwrap()
        };
        eventually(
            SOON,
            "what the old ones would misread waits, in every group",
            || parked(pipeline) > 0,
        );
        let old: Vec<usize> = (0..pipeline.members.len()).collect();
        let new: Vec<usize> = GROUPS
            .iter()
            .map(|(group, _)| pipeline.start(group, &[]))
            .collect();
        new.iter().for_each(|which| pipeline.until_ready(*which));
        until_more_is_read(pipeline);
        // The way back: the new ones go, the old ones have everything again.
        new.iter().for_each(|which| pipeline.stop(*which));
        until_more_is_read(pipeline);
        // And forward for good.
        new.iter().for_each(|which| pipeline.start_again(*which));
        old.iter().for_each(|which| pipeline.stop(*which));
        pipeline.forget_ended();
        (0..pipeline.members.len()).for_each(|which| pipeline.until_ready(which));
        eventually(SOON, "nothing waits for a reader any more", || {
            parked_of_all(pipeline) == 0
        });
    });
}

fn parked_of_all(pipeline: &Pipeline) -> i64 {
    let count = "SELECT count(*) FROM parked";
    let of = |(group, _): &(&str, _)| pipeline.database.number(group, count).unwrap();
    GROUPS.iter().map(of).sum()
}

fn until_more_is_read(pipeline: &Pipeline) {
    let read = quiet::purchases_read(pipeline).unwrap();
    until_read(pipeline, read + 50);
}
