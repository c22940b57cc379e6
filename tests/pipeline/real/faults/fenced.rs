//! A member that keeps its name over restarts, and what it does when the name is not its own any more.

use harness::{eventually, kafka::Kafka};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{GROUPS, SOON},
    quiet,
};

/// Two processes of one name take turns, and neither ends.
#[test]
fn b2_a_member_whose_name_another_process_has_taken_goes_on_once_that_one_is_gone() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    for (group, _) in GROUPS {
        let name = format!("{group}-0");
        machine
            .pipeline
            .start(group, &[("consumer.group_instance_id", &name)]);
    }
    machine.sells_while(&load, |machine| {
        machine.until_at_work();
        let pipeline = &mut machine.pipeline;
        let mut takers = Vec::new();
        for group in ["payment", "dispatch"] {
            let name = format!("{group}-0");
            let taker = pipeline.start(group, &[("consumer.group_instance_id", &name)]);
            takers.push((group, taker));
        }
        for (group, taker) in &takers {
            let first = pipeline
                .members
                .iter()
                .position(|member| member.group == *group);
            let first = first.expect("it was started");
            eventually(
                SOON,
                "the first of that name says what has happened",
                || pipeline.members[first].says("fenced: this member was away"),
            );
            pipeline.members[first].assert_live();
            eventually(SOON, "they take turns", || {
                pipeline.members[*taker].says("fenced: this member was away")
            });
        }
        // The last ones first, so that the others keep their places in the list.
        for (_, taker) in takers.iter().rev() {
            drop(pipeline.members.remove(*taker));
        }
        machine.until_progress();
        let pipeline = &machine.pipeline;
        let read = quiet::purchases_read(pipeline).unwrap();
        eventually(SOON, "those that stayed work", || {
            quiet::purchases_read(pipeline).unwrap() > read + 20
        });
    });
}
