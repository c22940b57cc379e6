//! B11, B12 and B14: handlers that panic or hang, and one key that has most of the load.

use std::{collections::BTreeMap, time::Duration};

use harness::{eventually, kafka::Kafka};
use runtime::partitioner::partition_of;
use sandbox::Faults;

use super::machine::{HEALED_WITHIN, Machine};
use crate::whole::{
    load::Load,
    members::{GROUPS, SOON},
    quiet,
    shop::{self, Counter},
};

/// From the moment when a purchase is on its topic to its first effect, however much of one other lies beside it.
const LATE_MAX: Duration = Duration::from_secs(10);

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
    // Nine of ten are the same purchase again, from the first to the last. Others lie on the same partition.
    let load: Vec<_> = (others.iter())
        .flat_map(|other| std::iter::repeat_n(&hot, 9).chain([other]))
        .cloned()
        .collect();
    let mut published = BTreeMap::new();
    for chunk in load.chunks(500) {
        counter.buy(chunk);
        for other in chunk
            .iter()
            .filter(|one| one.purchase_id != hot.purchase_id)
        {
            published.insert(other.purchase_id.clone(), shop::now());
        }
    }
    quiet::until_quiet(pipeline, HEALED_WITHIN);
    for (group, table) in [("payment", "payments"), ("dispatch", "dispatches")] {
        let query = format!("SELECT purchase_id, created_at FROM {table}");
        let (mut beside, mut elsewhere) = (Vec::new(), Vec::new());
        for row in pipeline.database.look(group, &query).unwrap() {
            let Some(published) = published.get(&row[0]) else {
                continue;
            };
            let late = row[1].parse::<i64>().unwrap() - published;
            match partition_of(row[0].as_bytes(), 12) == partition {
                true => beside.push(late),
                false => elsewhere.push(late),
            }
        }
        let (beside, elsewhere) = (slowest(&beside), slowest(&elsewhere));
        eprintln!("b14: {group} is at most {beside:?} late beside it, {elsewhere:?} elsewhere");
        assert!(
            beside < LATE_MAX,
            "{group}: {beside:?}, {elsewhere:?} elsewhere"
        );
        assert!(elsewhere < LATE_MAX, "{group}: {elsewhere:?}");
    }
    let query = "SELECT count(*) FROM purchases WHERE status = 'completed'";
    let completed = pipeline.database.number("timeline", query).unwrap();
    assert_eq!(usize::try_from(completed).unwrap(), OTHERS + 1);
    pipeline.succeed(&["audit"]);
}

/// The longest of times in microseconds, of which there have to be some.
fn slowest(times: &[i64]) -> Duration {
    let most = times.iter().max().expect("there are some");
    Duration::from_micros(u64::try_from(*most).unwrap_or_default())
}
