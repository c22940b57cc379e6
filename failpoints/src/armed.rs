//! What this process is armed for: read once, counted per step.
#![cfg(debug_assertions)]

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

use crate::{Step, VARIABLE};

/// More than an allocator has at hand.
const WANTED_BYTES: usize = 1 << 30;

static ARMED: LazyLock<Vec<Failpoint>> = LazyLock::new(|| {
    let said = std::env::var(VARIABLE).unwrap_or_default();
    parse(&said).unwrap_or_else(|mistake| panic!("{VARIABLE}: {mistake}"))
});

pub(crate) fn at(step: Step) {
    for failpoint in ARMED.iter().filter(|armed| armed.step == step) {
        failpoint.hit();
    }
}

#[derive(Debug)]
struct Failpoint {
    step: Step,
    hit: u64,
    action: Action,
    hits: AtomicU64,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Die,
    Panic,
    Exhaust,
    Sleep(Duration),
}

impl Failpoint {
    fn hit(&self) {
        let hits = self.hits.fetch_add(1, Ordering::SeqCst) + 1;
        match self.action {
            Action::Die if hits == self.hit => {
                eprintln!("failpoint: dies at {}", self.step.name());
                // As an operator or the kernel does it: nothing is finished, nothing unwinds.
                kill_process(getpid(), Signal::KILL).expect("a process may end itself");
                loop {
                    std::thread::park();
                }
            }
            Action::Panic if hits.is_multiple_of(self.hit) => {
                panic!("failpoint: panics at {}", self.step.name());
            }
            Action::Sleep(time) if hits == self.hit => {
                eprintln!("failpoint: hangs at {}", self.step.name());
                std::thread::sleep(time);
            }
            Action::Exhaust if hits == self.hit => {
                eprintln!("failpoint: has no memory left at {}", self.step.name());
                exhaust();
            }
            Action::Die | Action::Panic | Action::Exhaust | Action::Sleep(_) => {}
        }
    }
}

/// Wants more memory than there is, where there is none any more. No page is touched.
fn exhaust() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::As, none).expect("a process may limit itself");
    let wanted = vec![1_u8; WANTED_BYTES];
    std::hint::black_box(wanted);
}

fn parse(said: &str) -> Result<Vec<Failpoint>, String> {
    let parts = said.split(',').filter(|part| !part.is_empty());
    parts.map(one).collect()
}

fn one(said: &str) -> Result<Failpoint, String> {
    let mut words = said.split(':');
    let (name, hit) = (words.next(), words.next());
    let step = (Step::ALL.into_iter()).find(|step| Some(step.name()) == name);
    let hit = hit.and_then(|hit| hit.parse().ok()).filter(|hit| *hit > 0);
    let action = match words.next() {
        None => Some(Action::Die),
        Some("panic") => Some(Action::Panic),
        Some("exhaust") => Some(Action::Exhaust),
        Some(other) => (other.strip_prefix("sleep="))
            .and_then(|millis| millis.parse().ok())
            .map(|millis| Action::Sleep(Duration::from_millis(millis))),
    };
    match (step, hit, action, words.next()) {
        (Some(step), Some(hit), Some(action), None) => Ok(Failpoint {
            step,
            hit,
            action,
            hits: AtomicU64::new(0),
        }),
        _ => Err(format!(
            "{said:?} is not STEP:HIT[:panic|:exhaust|:sleep=MILLIS]"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_armed_by_name_hit_and_action() {
        let armed = parse("committed:3,deciding:40:panic,fetched:5:sleep=8000").unwrap();
        let told: Vec<_> = (armed.iter()).map(|one| (one.step, one.hit)).collect();
        let wanted = [
            (Step::Committed, 3),
            (Step::Deciding, 40),
            (Step::Fetched, 5),
        ];
        assert_eq!(told, wanted);
        assert_eq!(armed[1].action, Action::Panic);
        assert_eq!(armed[2].action, Action::Sleep(Duration::from_secs(8)));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_step_that_is_none_is_no_arming_at_all() {
        for wrong in [
            "committed",
            "commited:1",
            "committed:0",
            "committed:1:die:2",
            "begun:1:stop",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_fortieth_hit_panics_and_no_other() {
        let armed = parse("deciding:40:panic").unwrap();
        for hit in 1..=80 {
            let panicked = std::panic::catch_unwind(|| armed[0].hit()).is_err();
            assert_eq!(panicked, hit % 40 == 0, "hit {hit}");
        }
    }
}
