//! B1: members that are killed at every step that they have.
//!
//! Each group has a list of steps to die at and goes through it by itself, beside the others: started, armed,
//! dead of it, started again armed for the next, so that each recovers from one death while it runs into
//! the next.

use std::{
    collections::VecDeque,
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use failpoints::Step;
use harness::{eventually, kafka::Kafka};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{GROUPS, Pipeline},
};

/// For a member to come to a step, on a loaded machine.
const DIES_WITHIN: Duration = Duration::from_secs(90);
const SIGKILL: i32 = 9;

#[test]
fn b1_whichever_step_a_member_dies_at_the_effect_is_one() {
    let times = std::env::var("COUNTERFLOW_KILLS_PER_CELL").map_or(1, |times| {
        times
            .parse()
            .expect("COUNTERFLOW_KILLS_PER_CELL is a number")
    });
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    let mut condemned: Vec<Condemned> = (GROUPS.iter())
        .map(|(group, _)| Condemned::start(&mut machine.pipeline, group, times))
        .collect();
    machine.sells_while(&load, |machine| {
        let kills: usize = condemned.iter().map(|one| one.deaths.len()).sum();
        let started = Instant::now();
        for one in &mut condemned {
            machine.pipeline.kill(one.which);
            one.next(&mut machine.pipeline);
        }
        let most = DIES_WITHIN * u32::try_from(kills).unwrap();
        eventually(most, "every member has died of every step", || {
            for one in &mut condemned {
                one.look(&mut machine.pipeline);
            }
            condemned.iter().all(|one| one.under_way.is_none())
        });
        eprintln!("b1: {kills} deaths in {:?}", started.elapsed());
    });
}

/// A member that has its deaths before it.
struct Condemned {
    group: &'static str,
    which: usize,
    deaths: VecDeque<(Step, u64)>,
    under_way: Option<Death>,
}

struct Death {
    step: Step,
    since: Instant,
    is_told_to_stop: bool,
}

impl Condemned {
    /// A member of its group alone, with a name that is kept: it comes back to its own shards at once.
    fn start(pipeline: &mut Pipeline, group: &'static str, times: u64) -> Self {
        let name = format!("{group}-0");
        let kept = [("consumer.group_instance_id", name.as_str())];
        let deaths = (0..times).flat_map(|round| {
            let steps = Step::ALL.into_iter().filter(|step| has(group, *step));
            steps.map(move |step| (step, hit(group, step, round)))
        });
        Self {
            group,
            which: pipeline.start(group, &kept),
            deaths: deaths.collect(),
            under_way: None,
        }
    }

    /// Starts it again, armed for its next death if there is one left.
    fn next(&mut self, pipeline: &mut Pipeline) {
        let next = self.deaths.pop_front();
        let armed = next.map(|(step, hit)| format!("{}:{hit}", step.name()));
        pipeline.arm(self.which, armed.as_deref());
        pipeline.start_again(self.which);
        self.under_way = next.map(|(step, _)| Death {
            step,
            since: Instant::now(),
            is_told_to_stop: false,
        });
    }

    fn look(&mut self, pipeline: &mut Pipeline) {
        let Some(death) = &mut self.under_way else {
            return;
        };
        let (group, step) = (self.group, death.step);
        if let Some(ended) = pipeline.ended(self.which) {
            let member = &pipeline.members[self.which];
            let died = format!("failpoint: dies at {}", step.name());
            assert_eq!(
                ended.signal(),
                Some(SIGKILL),
                "{group} at {step:?}: {ended}"
            );
            assert!(member.says(&died), "{group} died of {step:?}");
            self.next(pipeline);
            return;
        }
        let late = death.since.elapsed();
        assert!(
            late < DIES_WITHIN,
            "{group} never came to {step:?}, in {late:?}"
        );
        let is_last = matches!(step, Step::Revoked | Step::Draining);
        if is_last && !death.is_told_to_stop && pipeline.is_group_ready(group) {
            death.is_told_to_stop = true;
            pipeline.members[self.which].ask_to_stop();
        }
    }
}

/// Two groups ask somebody; the others have no tasks.
fn has(group: &str, step: Step) -> bool {
    let asks = ["payment", "dispatch"].contains(&group);
    asks || !matches!(step, Step::Calling | Step::Called | Step::Answered)
}

/// At which hit it dies: late enough for what came before to have been done with, and at another in every
/// round.
fn hit(group: &str, step: Step, round: u64) -> u64 {
    let first = match step {
        Step::Assigned | Step::Revoked | Step::Draining => return 1,
        // All that these tell of is what they set aside.
        Step::Publishing | Step::Published if ["analytics", "timeline"].contains(&group) => {
            return 1;
        }
        Step::Deciding | Step::Publishing | Step::Published => 20,
        Step::Calling | Step::Called | Step::Answered => 5,
        _ => 3,
    };
    first + round % 7
}
