//! Does what the schedule says, and undoes it: one thread, so that what is killed, stopped and cut off at
//! any time is known exactly.

use std::time::{Duration, Instant};

use harness::within;

use super::{
    asked::Asked,
    control::all,
    deaths::{Death, Deaths, WHOLE_GROUP},
    machine::{Machine, WAYS},
    schedule::{Schedule, Trouble, Who},
    tally::{Tally, kind},
    usage::Usage,
    watch::Watch,
    zombies::Zombies,
};
use crate::whole::following::Following;

/// More at once would be one long outage of everything.
const TROUBLES_AT_ONCE: usize = 3;

/// The faults of a run.
pub(super) struct Nemesis {
    schedule: Schedule,
    deaths: Deaths,
    trouble: (Instant, Trouble, Duration),
    /// Who was killed, and when it is started again.
    dead: Vec<(Instant, Who)>,
    under_way: Vec<(Instant, Trouble)>,
    zombies: Zombies,
    /// How often the audit that looks on has had a look in the middle of work.
    looks: usize,
    /// Whether it has found something: there is nothing more to wait for.
    is_broken: bool,
    tally: Tally,
}

impl Nemesis {
    pub(super) fn new(asked: &Asked) -> Self {
        let mut schedule = Schedule::new(asked.seed, asked.kill_every, asked.fault_every);
        let (gap, trouble, time) = schedule.next_trouble();
        let now = Instant::now();
        Self {
            deaths: Deaths::new(&mut schedule, asked, now),
            trouble: (now + gap, trouble, time),
            schedule,
            dead: Vec::new(),
            under_way: Vec::new(),
            zombies: Zombies::new(asked, now),
            looks: 0,
            is_broken: false,
            tally: Tally::default(),
        }
    }

    /// Goes on for as long as asked and until enough was met, and heals everything.
    pub(super) fn go_on_for(
        &mut self,
        machine: &mut Machine,
        asked: &Asked,
        usage: &Usage,
        audit: &Following,
        watch: &mut Watch,
    ) {
        let began = Instant::now();
        // On a machine that others use, too, whatever is started again takes its time.
        let deadline = asked.time * 2 + Duration::from_secs(300);
        let done = within(deadline, "enough was met", || {
            self.assert_nobody_has_ended(machine);
            self.heal(machine, usage, Instant::now());
            self.kill_what_is_due(machine);
            self.trouble_if_due(machine);
            watch.show(&self.tally, audit, || self.names(machine));
            self.seek(machine, audit);
            let is_over = match began.elapsed() {
                time if time < asked.time => false,
                time if time < asked.time * 2 => self.has_met_enough(asked),
                _ => self.tally.kills() >= asked.kills_min,
            };
            (is_over || self.is_broken).then_some(())
        });
        self.heal(machine, usage, Instant::now() + deadline);
        if let Err(late) = done {
            panic!("{late}: {}, {:?}", self.tally, self.tally);
        }
    }

    /// Enough kills, a whole group down, and somebody who was taken for dead and went on; and enough looks.
    fn has_met_enough(&self, asked: &Asked) -> bool {
        let tally = &self.tally;
        let has_down = tally.deaths.contains_key(WHOLE_GROUP);
        let is_seen = self.looks >= asked.looks_min();
        tally.kills() >= asked.kills_min && has_down && tally.fenced > 0 && is_seen
    }

    /// Whatever happens around it, no process ends by itself, and neither do broker and database.
    pub(super) fn assert_nobody_has_ended(&self, machine: &mut Machine) {
        for who in all() {
            if self.is_dead(who) {
                continue;
            }
            if let Some(last_words) = machine.last_words(who) {
                let name = machine.name_of(who);
                panic!("{name} has ended by itself: {last_words}");
            }
        }
    }

    fn kill_what_is_due(&mut self, machine: &mut Machine) {
        let now = Instant::now();
        let is_dead =
            |who| self.zombies.needs(who, now) || self.dead.iter().any(|(_, dead)| *dead == who);
        let is_stopped = |who| {
            let stopped = Trouble::Stopped(who);
            self.under_way
                .iter()
                .any(|(_, trouble)| *trouble == stopped)
        };
        let is_ready = |who| machine.is_ready(who);
        let death = (self.deaths).next(&mut self.schedule, now, is_dead, is_stopped, is_ready);
        if let Some(Death { who, away, way }) = death {
            self.tally.died(way);
            self.kill(machine, who, now + away);
        }
        let mut down = None;
        if !self.zombies.is_one_made(now) {
            down = self.deaths.next_down(&mut self.schedule, now);
        }
        if let Some(down) = down {
            self.tally.died(WHOLE_GROUP);
            let back = now + down.away;
            for who in [Who::Steady(down.group), Who::Mortal(down.group)] {
                match self.dead.iter_mut().find(|(_, dead)| *dead == who) {
                    Some((due, _)) => *due = back,
                    None => self.kill(machine, who, back),
                }
            }
        }
    }

    fn kill(&mut self, machine: &mut Machine, who: Who, back: Instant) {
        if !self.has(Trouble::Stopped(who)) {
            self.zombies.before_a_kill(machine, who);
        }
        machine.kill(who);
        (self.under_way).retain(|(_, trouble)| *trouble != Trouble::Stopped(who));
        self.dead.push((back, who));
        *(self.tally.killed.entry(machine.name_of(who))).or_default() += 1;
    }

    fn trouble_if_due(&mut self, machine: &mut Machine) {
        let (due, trouble, time) = self.trouble;
        if Instant::now() < due {
            return;
        }
        let (gap, next, next_time) = self.schedule.next_trouble();
        self.trouble = (Instant::now() + gap, next, next_time);
        self.make(machine, trouble, time);
    }

    /// Makes a trouble, unless it is there, or there are enough, or whose it is has died.
    fn make(&mut self, machine: &mut Machine, trouble: Trouble, time: Duration) {
        let is_met = |(_, other): &(Instant, Trouble)| match (*other, trouble) {
            (Trouble::Network(one, _), Trouble::Network(another, _)) => one == another,
            (one, another) => one == another,
        };
        let is_dead = matches!(trouble, Trouble::Stopped(who) if self.is_dead(who));
        let is_full = self.under_way.len() >= TROUBLES_AT_ONCE;
        if is_full || is_dead || self.under_way.iter().any(is_met) {
            return;
        }
        self.begin(machine, trouble, time);
    }

    fn begin(&mut self, machine: &mut Machine, trouble: Trouble, time: Duration) {
        machine.trouble(trouble);
        self.tally.count(trouble);
        self.under_way.push((Instant::now() + time, trouble));
    }

    /// Asks the audit whether it has found something, and sees to it that somebody is taken for dead.
    fn seek(&mut self, machine: &mut Machine, audit: &Following) {
        let now = Instant::now();
        if !self.zombies.is_due(now) {
            return;
        }
        let rounds = audit.rounds();
        self.is_broken = !rounds.findings().is_empty();
        self.looks = rounds.looked_at_work();
        if self.tally.fenced == 0 {
            self.tally.fenced = self.fenced_batches(machine);
        }
        if self.tally.fenced == 0
            && let Some((who, time)) = self.zombies.sought(machine, now)
            && !self.is_dead(who)
            && !self.has(Trouble::Stopped(who))
        {
            self.begin(machine, Trouble::Stopped(who), time);
        }
    }

    /// Counted by those that live and answer, and by those that were killed.
    fn fenced_batches(&self, machine: &Machine) -> u64 {
        let is_answering = |who: &Who| !self.is_dead(*who) && !self.has(Trouble::Stopped(*who));
        self.zombies.fenced(machine, all().filter(is_answering))
    }

    fn heal(&mut self, machine: &mut Machine, usage: &Usage, now: Instant) {
        let is_due = |due: &Instant| *due <= now;
        for (_, trouble) in self.under_way.extract_if(.., |(due, _)| is_due(due)) {
            machine.heal(trouble);
        }
        for (_, who) in self.dead.extract_if(.., |(due, _)| is_due(due)) {
            machine.start_again(who);
            if let Some(pid) = machine.pid_of(who) {
                usage.has_started(&machine.name_of(who), pid);
            }
        }
    }

    /// Counts what those have met that live at the end.
    pub(super) fn finish(mut self, machine: &Machine) -> Tally {
        self.tally.fenced = self.fenced_batches(machine);
        self.tally
    }

    fn is_dead(&self, who: Who) -> bool {
        self.dead.iter().any(|(_, dead)| *dead == who)
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.under_way.iter().any(|(_, other)| *other == trouble)
    }

    /// What is wrong just now.
    fn names(&self, machine: &Machine) -> Vec<String> {
        let dead = self.dead.iter();
        let dead = dead.map(|(_, who)| format!("{} dead", machine.name_of(*who)));
        let troubles = self.under_way.iter().map(|(_, trouble)| match trouble {
            Trouble::Stopped(who) => format!("{} stopped", machine.name_of(*who)),
            Trouble::Network(way, _) => {
                let (whose, what) = WAYS[*way];
                format!("{whose} to {what}: {}", kind(*trouble))
            }
        });
        dead.chain(troubles).collect()
    }
}
