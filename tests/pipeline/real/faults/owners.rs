//! B2 to B5: who owns what while members are held up, come and go, or are not heard.

use std::{collections::BTreeMap, time::Duration};

use harness::{eventually, kafka::Kafka, records};
use sandbox::{Faults, Shares, Span};
use schemas::topics;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{GROUPS, Pipeline, SOON},
    quiet,
};

/// For members to take each other's place, on a loaded machine.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(90);
/// How often members come and go.
const COMINGS: u32 = 8;

/// One member of every group, and shops that are open.
fn opened(faults: &Faults, armed: &[(&str, &str)]) -> (Machine, Load) {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, faults);
    for (group, _) in GROUPS {
        let failpoints = armed.iter().find(|(armed, _)| *armed == group);
        let failpoints = failpoints.map(|(_, failpoints)| *failpoints);
        machine.pipeline.start_armed(group, failpoints, &[]);
    }
    (machine, load)
}

fn first_of(pipeline: &Pipeline, group: &str) -> usize {
    let found = pipeline
        .members
        .iter()
        .position(|member| member.group == group);
    found.expect("every group has a member")
}

#[test]
fn b2_a_member_that_was_taken_for_dead_and_goes_on_writes_nothing() {
    let (mut machine, load) = opened(&Faults::default(), &[("payment", "decoded:20:sleep=3000")]);
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let zombie = first_of(pipeline, "payment");
        eventually(SOON, "it is about to write", || {
            pipeline.members[zombie].says("failpoint: hangs at decoded")
        });
        pipeline.members[zombie].freeze();
        let heir = pipeline.start("payment", &[]);
        pipeline.until_ready(heir);
        let read = quiet::purchases_read(pipeline).unwrap();
        eventually(TAKEN_OVER_WITHIN, "the heir works", || {
            quiet::purchases_read(pipeline).unwrap() > read + 20
        });
        pipeline.members[zombie].thaw();
        eventually(
            TAKEN_OVER_WITHIN,
            "the batch of the one that was dead is refused",
            || pipeline.members[zombie].metric("counterflow_fenced_batches_total") > 0.0,
        );
        pipeline.until_ready(zombie);
    });
}

#[test]
fn b3_a_member_that_was_too_long_between_two_polls_joins_again_by_itself() {
    let mut machine = Machine::new(Kafka::builder());
    machine.pipeline.set("consumer.max_poll_interval", "8s");
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    for (group, _) in GROUPS {
        let late = Some("fetched:20:sleep=14000").filter(|_| group == "inventory");
        machine.pipeline.start_armed(group, late, &[]);
    }
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let late = first_of(pipeline, "inventory");
        eventually(SOON, "it does not poll", || {
            pipeline.members[late].says("failpoint: hangs at fetched")
        });
        let before = pipeline.members[late].status()["rebalances"].as_u64();
        eventually(TAKEN_OVER_WITHIN, "it was thrown out and is back", || {
            let status = pipeline.members[late].status();
            status["rebalances"].as_u64() > before && status["assigned"] == true
        });
        let read = quiet::purchases_read(pipeline).unwrap();
        eventually(TAKEN_OVER_WITHIN, "it works again", || {
            quiet::purchases_read(pipeline).unwrap() > read + 20
        });
    });
}

#[test]
fn b4_members_that_come_and_go_without_end_hold_no_partition_up() {
    let (mut machine, load) = opened(&Faults::default(), &[]);
    machine.is_followed = true;
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let groups = ["payment", "dispatch"];
        let (positions, ends) = (positions(pipeline, &groups), published(pipeline));
        let mut guest: Option<Vec<usize>> = None;
        for _ in 0..COMINGS {
            let came: Vec<usize> = groups.map(|group| pipeline.start(group, &[])).to_vec();
            came.iter().for_each(|which| pipeline.until_ready(*which));
            // The one before goes as soon as the next has come: there is always another rebalance.
            for gone in guest.replace(came).into_iter().flatten() {
                pipeline.stop(gone);
            }
        }
        // The last ones stay. Those that went have ended by themselves, as they were told to.
        pipeline.forget_ended();
        let (positions_now, ends_now) = (self::positions(pipeline, &groups), published(pipeline));
        for group in groups {
            for (at, before) in &positions[group] {
                let read = positions_now[group][at] - before;
                assert!(
                    read > 0,
                    "{group} has read nothing of partition {at} meanwhile"
                );
            }
            let sum = |positions: &BTreeMap<i32, i64>| positions.values().sum::<i64>();
            let read = sum(&positions_now[group]) - sum(&positions[group]);
            assert!(
                2 * read >= ends_now - ends,
                "{group} read {read} of {}",
                ends_now - ends
            );
        }
    });
}

#[test]
fn b5_work_under_way_when_a_shard_is_taken_is_done_or_given_up_before_the_next_owner_begins() {
    // Calls are under way whenever anything happens, and a batch that is written and not committed is held
    // up for longer than letting go may take.
    let faults = Faults {
        authorise: Shares {
            latency_ms: Some(Span { min: 300, max: 900 }),
            ..Shares::default()
        },
        ..Faults::default()
    };
    let (mut machine, load) = opened(&faults, &[("payment", "fenced:40:sleep=5000")]);
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let busy = first_of(pipeline, "payment");
        eventually(SOON, "a batch is written and not committed", || {
            pipeline.members[busy].says("failpoint: hangs at fenced")
        });
        let next = pipeline.start("payment", &[]);
        // It was not waited for: the callback is answered, the group goes on, and so do both of them.
        pipeline.until_ready(next);
        pipeline.until_ready(busy);
        for which in [busy, next] {
            let shards = || {
                pipeline.members[which].status()["shards"]
                    .as_object()
                    .map_or(0, |shards| shards.len())
            };
            eventually(TAKEN_OVER_WITHIN, "each has its half", || shards() == 6);
        }
    });
}

/// How far each group is with the purchases, by partition.
fn positions(
    pipeline: &Pipeline,
    groups: &[&'static str],
) -> BTreeMap<&'static str, BTreeMap<i32, i64>> {
    let query = format!(
        "SELECT partition, next_offset FROM positions WHERE topic = '{}'",
        topics::PURCHASES
    );
    let of_group = |group: &&'static str| {
        let rows = pipeline.database.look(group, &query).unwrap();
        let rows = rows
            .iter()
            .map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap()));
        (*group, rows.collect())
    };
    groups.iter().map(of_group).collect()
}

/// How many purchases are on the topic.
fn published(pipeline: &Pipeline) -> i64 {
    let ends = records::ends(&pipeline.bootstrap, &[topics::PURCHASES], SOON).unwrap();
    ends[0].next_offsets.iter().sum()
}
