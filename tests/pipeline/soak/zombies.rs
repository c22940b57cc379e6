//! Members that are taken for dead and go on: how many of their batches were refused, and a sure way to it.
//! Whoever is stopped at any odd moment has mostly nothing in hand that it could still write; so in one group,
//! which the seed gives, the member that lives on now and then hangs with a batch in hand, and is stopped then
//! for longer than its session. A run in which nobody was fenced has not shown that fencing holds.

use std::time::{Duration, Instant};

use super::{asked::Asked, machine::Machine, schedule::Who};
use crate::whole::members::GROUPS;

/// Longer than a session, and than the other member is ever dead for.
const TAKEN_FOR_DEAD: Duration = Duration::from_secs(13);
/// How often it is asked whether it hangs; it does so for much longer.
const ASK_EVERY: Duration = Duration::from_secs(1);
const HANGS_MS: u64 = 6_000;
/// At which of its batches.
const BATCHES: [u64; 6] = [60, 200, 600, 2_000, 6_000, 20_000];

/// What is known of them.
pub(super) struct Zombies {
    group: usize,
    asked: Instant,
    /// How often it has hung by now.
    hung: usize,
    /// When the one that was made last is over.
    made_until: Instant,
    /// Batches that were refused of members that were killed since.
    fenced_before: u64,
}

/// The group whose member hangs, by its place among them.
pub(super) fn group_of(seed: u64) -> usize {
    usize::try_from(seed % GROUPS.len() as u64).expect("there are five")
}

/// What it is armed for.
pub(super) fn failpoints() -> String {
    let hangs = BATCHES.map(|batch| format!("decoded:{batch}:sleep={HANGS_MS}"));
    hangs.join(",")
}

impl Zombies {
    pub(super) fn new(asked: &Asked, now: Instant) -> Self {
        Self {
            group: group_of(asked.seed),
            asked: now,
            hung: 0,
            made_until: now,
            fenced_before: 0,
        }
    }

    /// Whether it is time to ask again.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.asked + ASK_EVERY;
        if is_due {
            self.asked = now;
        }
        is_due
    }

    /// Whether one has to live on for now: to take over from the other of its group, to be taken for dead, or
    /// for the two to stand on.
    pub(super) fn needs(&self, who: Who, now: Instant) -> bool {
        let two = [Who::Steady(self.group), Who::Mortal(self.group)];
        let is_needed = two.contains(&who) || matches!(who, Who::Broker | Who::Database);
        is_needed && self.is_one_made(now)
    }

    /// Whether one is being made.
    pub(super) fn is_one_made(&self, now: Instant) -> bool {
        now < self.made_until
    }

    /// What a process has counted ends with it.
    pub(super) fn before_a_kill(&mut self, machine: &Machine, who: Who) {
        self.fenced_before += machine.fenced_batches(who);
    }

    /// How many batches were refused by now.
    pub(super) fn fenced(&self, machine: &Machine, answering: impl Iterator<Item = Who>) -> u64 {
        let now = answering.map(|who| machine.fenced_batches(who));
        self.fenced_before + now.sum::<u64>()
    }

    /// Who hangs with a batch in hand and is to be stopped, and for how long.
    pub(super) fn sought(
        &mut self,
        machine: &mut Machine,
        now: Instant,
    ) -> Option<(Who, Duration)> {
        let who = Who::Steady(self.group);
        let hung = machine.hung(who);
        if hung <= self.hung {
            return None;
        }
        self.hung = hung;
        self.made_until = now + TAKEN_FOR_DEAD;
        Some((who, TAKEN_FOR_DEAD))
    }
}
