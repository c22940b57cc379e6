//! B9: processes that are asked to end, once and twice, and one that has no memory left.

use std::{
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use harness::{eventually, kafka::Kafka};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{Pipeline, SOON},
};

/// What a process is given to end in order, and what a loaded machine adds to it.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
const SIGABRT: i32 = 6;
const ENDED_BY_A_SECOND_SIGTERM: i32 = 143;

#[test]
fn b9_a_process_that_is_asked_to_end_or_has_no_memory_left_loses_nothing() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        let all = 0..pipeline.members.len();
        all.clone()
            .for_each(|which| pipeline.members[which].ask_to_stop());
        for which in all.clone() {
            let ended = pipeline.until_ended(which, ENDS_WITHIN);
            assert!(ended.success(), "{}: {ended}", pipeline.members[which].name);
            pipeline.arm(which, Some("draining:1:sleep=60000"));
            pipeline.start_again(which);
        }
        Load::until_open(pipeline);
        ask_twice(pipeline);
        for which in all {
            pipeline.arm(which, Some("begun:20:exhaust"));
            pipeline.start_again(which);
        }
        starve(pipeline);
        Load::until_open(pipeline);
    });
}

/// Each is held up while it lets go, and told a second time: it ends there and then.
fn ask_twice(pipeline: &mut Pipeline) {
    for which in 0..pipeline.members.len() {
        let name = pipeline.members[which].name.clone();
        pipeline.members[which].ask_to_stop();
        let asked = Instant::now();
        eventually(SOON, &format!("{name} is about to let go"), || {
            pipeline.members[which].says("failpoint: hangs at draining")
        });
        // A second one within a second is the first one again.
        eventually(SOON, "a second has passed", || {
            asked.elapsed() > Duration::from_millis(1_100)
        });
        pipeline.members[which].ask_to_stop();
        let ended = pipeline.until_ended(which, ENDS_WITHIN);
        assert_eq!(
            ended.code(),
            Some(ENDED_BY_A_SECOND_SIGTERM),
            "{name}: {ended}"
        );
    }
}

/// Each has no memory left while it writes, and ends of it.
fn starve(pipeline: &mut Pipeline) {
    for which in 0..pipeline.members.len() {
        let ended = pipeline.until_ended(which, SOON);
        let name = &pipeline.members[which].name;
        assert_eq!(ended.signal(), Some(SIGABRT), "{name}: {ended}");
        assert!(
            pipeline.members[which].says("memory allocation of"),
            "{name}"
        );
        pipeline.arm(which, None);
        pipeline.start_again(which);
    }
}
