//! B1: members that are killed at every step that they have.
//!
//! Each group has two members: one that is condemned, and its heir. The condemned one has a list of steps to
//! die at and goes through it by itself, beside the other groups: started, armed, dead of it, started again
//! armed for the next. After some of its deaths it comes back to its own shards at once, while what it left is
//! still its own; after the others only when the heir has all of them, and has found what it left. It dies
//! of being given shards when it comes back to an heir that lets them go, and of having them taken away when a
//! third member joins.

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

/// For a member to come to a step, or for another to take its place, on a loaded machine.
const DIES_WITHIN: Duration = Duration::from_secs(90);
const SIGKILL: i32 = 9;
/// A take-over begins when a session has passed; whoever ends in order has to do so within it.
const TIMES: [(&str, &str); 3] = [
    ("consumer.session_timeout", "3s"),
    ("consumer.shutdown_timeout", "2500ms"),
    ("consumer.drain_timeout", "1s"),
];
/// One death in so many is followed by a take-over: of each step in some group, of each group for some steps.
const TAKEN_OVER_EVERY: usize = 3;
/// Shards of a group.
const SHARDS: usize = 12;

#[test]
fn b1_whichever_step_a_member_dies_at_the_effect_is_one() {
    let times = std::env::var("COUNTERFLOW_KILLS_PER_CELL").map_or(1, |times| {
        times
            .parse()
            .expect("COUNTERFLOW_KILLS_PER_CELL is a number")
    });
    let mut machine = Machine::new(Kafka::builder());
    for (key, value) in TIMES {
        machine.pipeline.set(key, value);
    }
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    let mut condemned: Vec<Condemned> = (0..GROUPS.len())
        .map(|group| Condemned::start(&mut machine.pipeline, group, times))
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
            condemned.iter().all(|one| matches!(one.stage, Stage::Over))
        });
        let taken_over: usize = condemned.iter().map(|one| one.taken_over).sum();
        eprintln!(
            "b1: {kills} deaths, {taken_over} of them taken over, in {:?}",
            started.elapsed()
        );
        assert!(
            TAKEN_OVER_EVERY * taken_over >= kills,
            "{taken_over} of {kills}"
        );
        machine.pipeline.forget_ended();
    });
}

/// A member that has its deaths before it, and the one that stands beside it.
struct Condemned {
    group: &'static str,
    which: usize,
    heir: usize,
    deaths: VecDeque<Death>,
    stage: Stage,
    since: Instant,
    taken_over: usize,
}

#[derive(Clone, Copy)]
struct Death {
    step: Step,
    hit: u64,
    /// Whether it comes back only when others have its shards.
    is_taken_over: bool,
}

#[derive(Clone, Copy)]
enum Stage {
    /// It is armed, and has not come to its step; who has joined so that it does.
    Armed(Death, Option<usize>),
    /// It is dead, and others are to have its shards.
    Orphaned(Option<usize>),
    /// Others have them, and the one that joined goes.
    Leaves(usize),
    /// It has died of everything.
    Over,
}

impl Condemned {
    /// Two members of a group. The condemned one has a name that is kept: it can come back to its own shards
    /// at once.
    fn start(pipeline: &mut Pipeline, place: usize, times: u64) -> Self {
        let (group, _) = GROUPS[place];
        let name = format!("{group}-0");
        let kept = [("consumer.group_instance_id", name.as_str())];
        let deaths = (0..times).flat_map(|round| {
            let steps = Step::ALL.into_iter().filter(|step| has(group, *step));
            let turn = place + usize::try_from(round).unwrap_or_default();
            steps.enumerate().map(move |(at, step)| Death {
                step,
                hit: hit(group, step, round),
                // Before it dies of being given shards, others have to have them.
                is_taken_over: (at + turn).is_multiple_of(TAKEN_OVER_EVERY)
                    || step == Step::Published
                    || is_last(step),
            })
        });
        Self {
            group,
            which: pipeline.start(group, &kept),
            heir: pipeline.start(group, &[]),
            deaths: deaths.collect(),
            stage: Stage::Over,
            since: Instant::now(),
            taken_over: 0,
        }
    }

    /// Starts it again, armed for its next death if there is one left.
    fn next(&mut self, pipeline: &mut Pipeline) {
        let next = self.deaths.pop_front();
        let armed = next.map(|death| format!("{}:{}", death.step.name(), death.hit));
        pipeline.arm(self.which, armed.as_deref());
        pipeline.start_again(self.which);
        self.turn(next.map_or(Stage::Over, |death| Stage::Armed(death, None)));
    }

    fn turn(&mut self, stage: Stage) {
        (self.stage, self.since) = (stage, Instant::now());
    }

    fn look(&mut self, pipeline: &mut Pipeline) {
        let (group, late) = (self.group, self.since.elapsed());
        match self.stage {
            Stage::Over => {}
            Stage::Armed(death, guest) => {
                assert!(late < DIES_WITHIN, "{group} never came to {:?}", death.step);
                if pipeline.ended(self.which).is_some() {
                    self.died(pipeline, death, guest);
                } else if is_last(death.step)
                    && guest.is_none()
                    && [self.which, self.heir]
                        .iter()
                        .all(|which| shards(pipeline, *which) == SHARDS / 2)
                {
                    // Somebody joins, and shards that it works on are taken from it.
                    let guest = pipeline.start(group, &[]);
                    self.turn(Stage::Armed(death, Some(guest)));
                }
            }
            Stage::Orphaned(guest) => {
                assert!(late < DIES_WITHIN, "nobody took over from {group}");
                let others = [Some(self.heir), guest].into_iter().flatten();
                if others.map(|which| shards(pipeline, which)).sum::<usize>() < SHARDS {
                    return;
                }
                self.taken_over += 1;
                let Some(guest) = guest else {
                    return self.next(pipeline);
                };
                pipeline.members[guest].ask_to_stop();
                self.turn(Stage::Leaves(guest));
            }
            Stage::Leaves(guest) => {
                assert!(late < DIES_WITHIN, "the guest of {group} stays");
                if pipeline.ended(guest).is_some() {
                    self.next(pipeline);
                }
            }
        }
    }

    fn died(&mut self, pipeline: &mut Pipeline, death: Death, guest: Option<usize>) {
        let (group, step) = (self.group, death.step);
        let ended = pipeline.ended(self.which).expect("it has ended");
        let says = format!("failpoint: dies at {}", step.name());
        assert_eq!(
            ended.signal(),
            Some(SIGKILL),
            "{group} at {step:?}: {ended}"
        );
        let says_so = pipeline.members[self.which].says(&says);
        assert!(says_so, "{group} died of {step:?}");
        if death.is_taken_over {
            self.turn(Stage::Orphaned(guest));
        } else {
            self.next(pipeline);
        }
    }
}

/// How many shards a member has by its own word.
fn shards(pipeline: &Pipeline, which: usize) -> usize {
    let status = pipeline.members[which].status();
    status["shards"].as_object().map_or(0, serde_json::Map::len)
}

/// Steps at which shards are taken away from a member that goes on.
fn is_last(step: Step) -> bool {
    matches!(step, Step::Revoked | Step::Draining)
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
