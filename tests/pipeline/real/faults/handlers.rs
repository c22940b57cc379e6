//! B11 to B14: handlers that panic or hang, clocks that jump, and one key that has most of the load.

use harness::{eventually, kafka::Kafka, records};
use runtime::partitioner::partition_of;
use sandbox::Faults;
use schemas::topics;

use super::machine::{HEALED_WITHIN, Machine};
use crate::whole::{
    load::Load,
    members::{GROUPS, Pipeline, SOON},
    quiet,
    shop::{self, Counter},
};

const HOUR_MICROS: i64 = 3_600_000_000;

#[test]
fn b11_what_a_handler_panics_on_is_set_aside_and_the_others_go_on() {
    let mut machine = Machine::new(Kafka::builder());
    machine.pipeline.set("consumer.dead_letter_share_max", "1");
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        for which in 0..pipeline.members.len() {
            pipeline.stop(which);
            pipeline.arm(which, Some("deciding:100:panic"));
            pipeline.start_again(which);
        }
        let query = "SELECT count(*) FROM dead_letters WHERE reason = 'panicked'";
        for (group, _) in GROUPS {
            eventually(
                SOON,
                &format!("{group} sets aside what it panics on"),
                || pipeline.database.number(group, query).unwrap() >= 3,
            );
        }
        pipeline.assert_running();
        // The bug is found and mended, and what it has done is made good.
        for which in 0..pipeline.members.len() {
            pipeline.stop(which);
            pipeline.arm(which, None);
            pipeline.start_again(which);
        }
        Load::until_open(pipeline);
        for (group, _) in GROUPS {
            let redrive = [
                "dead-letters",
                "redrive",
                group,
                "--reason",
                "panicked",
                "--yes",
                "--wait",
                "60s",
            ];
            pipeline.succeed(&redrive);
        }
    });
}

#[test]
fn b12_a_handler_that_hangs_is_seen_by_its_probe_and_started_again() {
    let mut machine = Machine::new(Kafka::builder());
    machine.pipeline.set("consumer.stall_timeout", "10s");
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    for (group, _) in GROUPS {
        let hangs = Some("deciding:60:sleep=3600000").filter(|_| group == "payment");
        machine.pipeline.start_armed(group, hangs, &[]);
    }
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let which = pipeline
            .members
            .iter()
            .position(|member| member.group == "payment")
            .unwrap();
        let stuck = &pipeline.members[which];
        eventually(SOON, "the probe says that it does not live", || {
            stuck
                .probe("livez")
                .is_some_and(|(status, _)| status == 503)
        });
        eventually(SOON, "what it does not read shows", || {
            let status = stuck.status();
            let lag = status["lag_records"].as_object().into_iter().flatten();
            lag.filter_map(|(_, records)| records.as_i64()).sum::<i64>() > 0
        });
        for member in pipeline
            .members
            .iter()
            .filter(|member| member.group != "payment")
        {
            member.assert_live();
        }
        // As an orchestrator does it. What hangs is not waited for: the epochs refuse what it may still write.
        pipeline.members[which].ask_to_stop();
        let ended = pipeline.until_ended(which, SOON);
        assert!(ended.code().is_some(), "{ended}");
        pipeline.start_again(which);
        pipeline.until_ready(which);
    });
}

#[test]
fn b13_clocks_that_jump_double_nothing_lose_nothing_and_reorder_nothing() {
    let mut machine = Machine::new(Kafka::builder());
    let clock = machine.pipeline.file("clock");
    let jump = |micros: i64| std::fs::write(&clock, micros.to_string()).unwrap();
    jump(0);
    machine
        .pipeline
        .set_environment(failpoints::CLOCK_VARIABLE, &clock.display().to_string());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        // Ahead, behind, and as a clock is that is set right in the end.
        for micros in [HOUR_MICROS, -HOUR_MICROS, 500_000, -500_000, 0] {
            jump(micros);
            let read = quiet::purchases_read(&machine.pipeline).unwrap();
            eventually(SOON, "work goes on", || {
                quiet::purchases_read(&machine.pipeline).unwrap() > read + 50
            });
        }
    });
}

#[test]
fn b14_a_purchase_that_has_most_of_the_load_does_not_starve_the_others() {
    const OTHERS: usize = 400;
    let mut machine = Machine::new(Kafka::builder());
    let pipeline = &mut machine.pipeline;
    let counter = Counter::open(&pipeline.bootstrap);
    counter.fill_shelves(10_000);
    pipeline.start_sandbox();
    pipeline.start_all(1);
    Load::until_open(pipeline);
    let hot = shop::purchases(1, 2, 1).remove(0);
    let others = shop::purchases(2, 2, OTHERS);
    let partition = partition_of(hot.purchase_id.as_bytes(), 12);
    // Nine of ten are the same purchase again, from the first to the last.
    let load: Vec<_> = (others.iter())
        .flat_map(|other| std::iter::repeat_n(&hot, 9).chain([other]))
        .cloned()
        .collect();
    // Before the hot one is done with all of its own, the others have had at least as large a share: one
    // key has one owner, and the others have theirs.
    let mut shares = Vec::new();
    for chunk in load.chunks(500) {
        counter.buy(chunk);
        shares.push(shares_read(pipeline, partition));
    }
    let held_up = shares.iter().filter(|(hot, cold)| *cold < 0.5 * *hot);
    assert!(
        held_up.count() <= shares.len() / 4,
        "hot and others: {shares:?}"
    );
    quiet::until_quiet(pipeline, HEALED_WITHIN);
    let query = "SELECT count(*) FROM purchases WHERE status = 'completed'";
    let completed = pipeline.database.number("timeline", query).unwrap();
    assert_eq!(usize::try_from(completed).unwrap(), OTHERS + 1);
    pipeline.succeed(&["audit"]);
}

/// Which share of its partition, and of all others, the slowest group has read.
fn shares_read(pipeline: &Pipeline, hot: i32) -> (f64, f64) {
    let ends = records::ends(&pipeline.bootstrap, &[topics::PURCHASES], SOON).unwrap();
    let ends = &ends[0].next_offsets;
    let query = format!(
        "SELECT partition, next_offset FROM positions WHERE topic = '{}'",
        topics::PURCHASES
    );
    let of_group = |(group, _): &(&str, _)| {
        let rows = pipeline.database.look(group, &query).unwrap();
        let (mut of_hot, mut of_others) = (0, 0);
        for row in rows {
            let (partition, read): (i32, i64) = (row[0].parse().unwrap(), row[1].parse().unwrap());
            *if partition == hot {
                &mut of_hot
            } else {
                &mut of_others
            } += read;
        }
        let end = ends[usize::try_from(hot).unwrap()];
        let share = |read: i64, end: i64| read as f64 / end.max(1) as f64;
        (
            share(of_hot, end),
            share(of_others, ends.iter().sum::<i64>() - end),
        )
    };
    let shares = GROUPS.iter().map(of_group);
    shares
        .min_by(|one, other| one.1.total_cmp(&other.1))
        .unwrap()
}
