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
/// How long a group waits for the next poll here.
const POLLS_WITHIN: &str = "8s";
/// How often members come and go.
const COMINGS: u32 = 8;

/// One member of every group, each armed with this or not at all, and shops that are open.
fn opened(faults: &Faults, armed: Option<&str>) -> (Machine, Load) {
    let mut machine = Machine::new(Kafka::builder());
    machine
        .pipeline
        .set("consumer.max_poll_interval", POLLS_WITHIN);
    let load = Load::open(&mut machine.pipeline, faults);
    for (group, _) in GROUPS {
        machine.pipeline.start_armed(group, armed, &[]);
    }
    (machine, load)
}

/// Waits until the first member of each group hangs at a step, and does something with each as soon as it does.
fn until_each_hangs(
    pipeline: &mut Pipeline,
    step: &str,
    mut then: impl FnMut(&mut Pipeline, usize),
) {
    let says = format!("failpoint: hangs at {step}");
    let mut left: Vec<usize> = (0..GROUPS.len()).collect();
    eventually(SOON, &says, || {
        left.retain(|which| {
            let hangs = pipeline.members[*which].says(&says);
            if hangs {
                then(pipeline, *which);
            }
            !hangs
        });
        left.is_empty()
    });
}

#[test]
fn b2_a_member_that_was_taken_for_dead_and_goes_on_writes_nothing() {
    let (mut machine, load) = opened(&Faults::default(), Some("decoded:20:sleep=4000"));
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        // Each is about to write.
        until_each_hangs(pipeline, "decoded", |pipeline, which| {
            pipeline.members[which].freeze();
        });
        let zombies = 0..pipeline.members.len();
        let read = quiet::purchases_read(pipeline).unwrap();
        let heirs = GROUPS.map(|(group, _)| pipeline.start(group, &[]));
        heirs.iter().for_each(|heir| pipeline.until_ready(*heir));
        eventually(TAKEN_OVER_WITHIN, "the heirs work", || {
            quiet::purchases_read(pipeline).unwrap() > read + 20
        });
        (zombies.clone()).for_each(|zombie| pipeline.members[zombie].thaw());
        for zombie in zombies {
            let member = &pipeline.members[zombie];
            let awaited = format!("the batch of the {} that was dead is refused", member.group);
            eventually(TAKEN_OVER_WITHIN, &awaited, || {
                member.metric("counterflow_fenced_batches_total") > 0.0
            });
            pipeline.until_ready(zombie);
        }
    });
}

#[test]
fn b3_a_member_that_was_too_long_between_two_polls_joins_again_by_itself() {
    let (mut machine, load) = opened(&Faults::default(), Some("fetched:20:sleep=14000"));
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let mut before = [None; GROUPS.len()];
        until_each_hangs(pipeline, "fetched", |pipeline, late| {
            before[late] = pipeline.members[late].status()["rebalances"].as_u64();
        });
        for (late, before) in before.iter().enumerate() {
            let member = &pipeline.members[late];
            let awaited = format!("{} was thrown out and is back", member.name);
            eventually(TAKEN_OVER_WITHIN, &awaited, || {
                let status = member.status();
                status["rebalances"].as_u64() > *before && status["assigned"] == true
            });
        }
        let read = quiet::purchases_read(pipeline).unwrap();
        eventually(TAKEN_OVER_WITHIN, "they work again", || {
            quiet::purchases_read(pipeline).unwrap() > read + 20
        });
    });
}

#[test]
fn b4_members_that_come_and_go_without_end_hold_no_partition_up() {
    let (mut machine, load) = opened(&Faults::default(), None);
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
    let slow = Shares {
        latency_ms: Some(Span { min: 300, max: 900 }),
        ..Shares::default()
    };
    let faults = Faults {
        authorise: slow.clone(),
        hand_over: slow,
        ..Faults::default()
    };
    let (mut machine, load) = opened(&faults, Some("fenced:40:sleep=5000"));
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let mut next = Vec::new();
        until_each_hangs(pipeline, "fenced", |pipeline, busy| {
            next.push(pipeline.start(pipeline.members[busy].group, &[]));
        });
        // None was waited for: the callback is answered, the group goes on, and so do both of them.
        for which in 0..pipeline.members.len() {
            pipeline.until_ready(which);
            let member = &pipeline.members[which];
            let shards = || {
                let status = member.status();
                status["shards"]
                    .as_object()
                    .map_or(0, |shards| shards.len())
            };
            let awaited = format!("{} has its half", member.name);
            eventually(TAKEN_OVER_WITHIN, &awaited, || shards() == 6);
        }
        assert_eq!(next.len(), GROUPS.len());
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
