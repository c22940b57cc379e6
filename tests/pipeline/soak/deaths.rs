//! Who dies next, and when it can: whoever is to die at work is waited for until it is at work, but not for
//! long, and nobody dies twice. What lives long enough to be judged by what it takes is spared from then on.

use std::time::{Duration, Instant};

use super::{
    asked::Asked,
    schedule::{Down, Kill, Schedule, Who},
};
use crate::whole::members::GROUPS;

/// A member that has its share.
const AT_WORK: &str = "member at work";
/// One that has not.
const AS_IT_STARTS: &str = "member as it starts";
/// One that is frozen.
const WHILE_STOPPED: &str = "member while stopped";
/// Both members of a group at once.
pub(super) const WHOLE_GROUP: &str = "whole group";

/// So long a death waits for a member to be at work.
const PATIENCE: Duration = Duration::from_secs(4);
/// So many wait at once.
const WAITING_MAX: usize = 5;
/// How often members are asked whether they are at work.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A death that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) who: Who,
    pub(super) away: Duration,
    pub(super) way: &'static str,
}

/// Those that are to come.
#[derive(Debug)]
pub(super) struct Deaths {
    next: (Instant, Kill),
    /// Those that are due, and since when.
    waiting: Vec<(Instant, Kill)>,
    looked: Instant,
    down: (Instant, Down),
    /// Until when whole groups die: what is not killed after that is judged by a long life.
    groups_until: Instant,
    has_downed: bool,
    /// The same for the storefront and the sandbox, of which there is one each.
    single_until: Instant,
}

impl Deaths {
    pub(super) fn new(schedule: &mut Schedule, asked: &Asked, now: Instant) -> Self {
        let (gap, kill) = schedule.next_kill();
        let (down_gap, down) = schedule.next_down();
        Self {
            next: (now + gap, kill),
            waiting: Vec::new(),
            looked: now,
            // However seldom anything dies, a group does once in the time in which it may.
            down: (now + down_gap.min(asked.time / 6), down),
            groups_until: now + asked.time / 3,
            has_downed: false,
            single_until: now + asked.time * 2 / 3,
        }
    }

    /// A death that is due and can be.
    pub(super) fn next(
        &mut self,
        schedule: &mut Schedule,
        now: Instant,
        is_dead: impl Fn(Who) -> bool,
        is_stopped: impl Fn(Who) -> bool,
        is_ready: impl Fn(Who) -> bool,
    ) -> Option<Death> {
        if now >= self.next.0 && self.waiting.len() < WAITING_MAX {
            self.waiting.push((now, self.next.1));
            let (gap, kill) = schedule.next_kill();
            self.next = (now + gap, kill);
        }
        if now >= self.single_until {
            let is_single = |who| matches!(who, Who::Storefront | Who::Sandbox);
            self.waiting.retain(|(_, kill)| !is_single(kill.who));
        }
        if now < self.looked + LOOK_EVERY {
            return None;
        }
        self.looked = now;
        for place in 0..self.waiting.len() {
            let (since, kill) = self.waiting[place];
            let state = |who| match who {
                who if is_dead(who) => None,
                who if is_stopped(who) => Some(WHILE_STOPPED),
                who if is_ready(who) => Some(AT_WORK),
                _ => Some(AS_IT_STARTS),
            };
            let is_late = now >= since + PATIENCE;
            let found = match kill.who {
                Who::Mortal(group) => member(group, kill.is_patient, is_late, state),
                who if is_dead(who) => None,
                Who::Storefront => Some((kill.who, "storefront")),
                Who::Sandbox => Some((kill.who, "provider and carrier")),
                Who::Broker => Some((kill.who, "broker")),
                Who::Database => Some((kill.who, "database")),
                Who::Steady(_) => None,
            };
            if let Some((who, way)) = found {
                let away = self.waiting.remove(place).1.away;
                return Some(Death { who, away, way });
            }
        }
        None
    }

    /// A whole group that is to go down now.
    pub(super) fn next_down(&mut self, schedule: &mut Schedule, now: Instant) -> Option<Down> {
        let (due, down) = self.down;
        if now < due || (self.has_downed && now >= self.groups_until) {
            return None;
        }
        self.has_downed = true;
        let (gap, next) = schedule.next_down();
        self.down = (now + gap, next);
        Some(down)
    }
}

/// The member of a group that lives, or of the next that has one. Who is patient passes over those that only
/// start, unless it is late.
fn member(
    group: usize,
    is_patient: bool,
    is_late: bool,
    state: impl Fn(Who) -> Option<&'static str>,
) -> Option<(Who, &'static str)> {
    let members = (0..GROUPS.len()).map(|next| Who::Mortal((group + next) % GROUPS.len()));
    let mut alive = members.filter_map(|who| Some((who, state(who)?)));
    let first = alive.next()?;
    if !is_patient || first.1 != AS_IT_STARTS {
        return Some(first);
    }
    let other = alive.find(|(_, way)| *way != AS_IT_STARTS);
    other.or(is_late.then_some(first))
}

#[test]
fn a_member_dies_at_work_or_when_it_was_waited_for_and_the_dead_do_not_die() {
    let asked = Asked::of_environment();
    let mut schedule = Schedule::new(3, Duration::from_millis(1), Duration::from_secs(1));
    let mut now = Instant::now();
    let mut deaths = Deaths::new(&mut schedule, &asked, now);
    let mut met = std::collections::BTreeMap::new();
    let dead = Who::Mortal(0);
    for round in 0..2_000 {
        now += LOOK_EVERY;
        let is_ready = |who| round % 2 == 0 && who == Who::Mortal(1);
        let death = deaths.next(&mut schedule, now, |who| who == dead, |_| false, is_ready);
        if let Some(Death { who, way, .. }) = death {
            assert_ne!(who, dead);
            assert_eq!(way == AT_WORK, is_ready(who), "{who:?}: {way}");
            *met.entry(way).or_insert(0) += 1;
        }
    }
    assert!(
        met.len() == 6 && met.values().all(|times| *times > 1),
        "{met:?}"
    );
}
