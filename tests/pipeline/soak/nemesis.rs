//! Does what the schedule says, and undoes it: one thread, so that what is killed, stopped and cut off at
//! any time is known exactly.

use std::time::{Duration, Instant};

use harness::within;

use super::{
    asked::Asked,
    machine::{Machine, WAYS, all},
    schedule::{Kill, Schedule, Trouble, Who},
    tally::{Tally, kind},
    usage::Usage,
    watch::Watch,
};

/// More at once would be one long outage of everything.
const TROUBLES_AT_ONCE: usize = 3;

/// What a member says at last that is not alone under its name.
const FENCED: &str = "cannot go on: FencedInstanceId";

/// The faults of a run.
pub(super) struct Nemesis {
    schedule: Schedule,
    kill: (Instant, Kill),
    trouble: (Instant, Trouble, Duration),
    /// Who was killed, and when it is started again.
    dead: Vec<(Instant, Who)>,
    under_way: Vec<(Instant, Trouble)>,
    /// From when on the storefront and the sandbox, of which there is one each, are not killed any more: a
    /// life that is long enough to be judged.
    spared_from: Instant,
    tally: Tally,
}

impl Nemesis {
    pub(super) fn new(asked: &Asked) -> Self {
        let mut schedule = Schedule::new(asked.seed, asked.kill_every, asked.fault_every);
        let (kill, trouble) = (schedule.next_kill(), schedule.next_trouble());
        let now = Instant::now();
        Self {
            kill: (now + kill.0, kill.1),
            trouble: (now + trouble.0, trouble.1, trouble.2),
            schedule,
            dead: Vec::new(),
            under_way: Vec::new(),
            spared_from: now,
            tally: Tally::default(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Goes on for as long as asked and until enough was killed, and heals everything.
    pub(super) fn go_on_for(
        &mut self,
        machine: &mut Machine,
        asked: &Asked,
        usage: &Usage,
        watch: &Watch,
    ) {
        let began = Instant::now();
        self.spared_from = began + asked.time * 2 / 3;
        let deadline = asked.time * 2 + Duration::from_secs(120);
        let done = within(deadline, "enough was killed", || {
            self.revive(machine, usage);
            self.heal_what_is_due(machine, usage);
            self.kill_if_due(machine);
            self.trouble_if_due(machine);
            watch.show(&self.tally, || self.names(machine));
            let is_enough = self.tally.kills() >= asked.kills_min;
            (is_enough && began.elapsed() >= asked.time).then_some(())
        });
        self.heal_all(machine, usage);
        if let Err(late) = done {
            panic!("{late}: {}", self.tally);
        }
    }

    /// Whatever happens around it, no process ends by itself, with one exception. A static member whose
    /// session ended while it was cut off, or whose answer to joining was lost, may be taken by the broker
    /// for another of its name; Kafka's client cannot go on after that, and the member ends, to be started
    /// again by whoever looks after it.
    pub(super) fn revive(&mut self, machine: &mut Machine, usage: &Usage) {
        for who in all() {
            if self.is_dead(who) {
                continue;
            }
            let Some(last_words) = machine.last_words(who) else {
                continue;
            };
            let name = machine.name_of(who);
            assert!(
                matches!(who, Who::Mortal(_)) && last_words.contains(FENCED),
                "{name} has ended by itself: {last_words}"
            );
            self.tally.fenced += 1;
            self.under_way
                .retain(|(_, trouble)| *trouble != Trouble::Stopped(who));
            machine.start_again(who);
            if let Some(pid) = machine.pid_of(who) {
                usage.has_started(&name, pid);
            }
        }
    }

    fn kill_if_due(&mut self, machine: &mut Machine) {
        let (due, kill) = self.kill;
        if Instant::now() < due {
            return;
        }
        let is_alone = matches!(kill.who, Who::Storefront | Who::Sandbox);
        let is_spared = is_alone && Instant::now() >= self.spared_from;
        if self.is_dead(kill.who) || is_spared {
            return self.draw_kill(Duration::ZERO);
        }
        let is_stopped = self.has(Trouble::Stopped(kill.who));
        if kill.is_patient && !is_stopped && !machine.is_ready(kill.who) {
            return self.draw_kill(Duration::ZERO);
        }
        machine.kill(kill.who);
        self.under_way
            .retain(|(_, trouble)| *trouble != Trouble::Stopped(kill.who));
        self.dead.push((Instant::now() + kill.away, kill.who));
        let name = machine.name_of(kill.who);
        *self.tally.killed.entry(name).or_default() += 1;
        self.draw_kill(Duration::MAX);
    }

    /// The next one, not later than `gap_max` from now.
    fn draw_kill(&mut self, gap_max: Duration) {
        let (gap, kill) = self.schedule.next_kill();
        self.kill = (Instant::now() + gap.min(gap_max), kill);
    }

    fn trouble_if_due(&mut self, machine: &mut Machine) {
        let (due, trouble, time) = self.trouble;
        if Instant::now() < due {
            return;
        }
        let (gap, next, next_time) = self.schedule.next_trouble();
        self.trouble = (Instant::now() + gap, next, next_time);
        let is_met = |(_, other): &(Instant, Trouble)| match (*other, trouble) {
            (Trouble::Network(one, _), Trouble::Network(another, _)) => one == another,
            (one, another) => one == another,
        };
        let is_dead = matches!(trouble, Trouble::Stopped(who) if self.is_dead(who));
        let is_full = self.under_way.len() >= TROUBLES_AT_ONCE;
        if is_full || is_dead || self.under_way.iter().any(is_met) {
            return;
        }
        match trouble {
            Trouble::Stopped(who) => machine.stop(who),
            Trouble::Network(way, fault) => machine.proxy(way).set(fault),
        }
        self.tally.count(trouble);
        self.under_way.push((Instant::now() + time, trouble));
    }

    fn heal_what_is_due(&mut self, machine: &mut Machine, usage: &Usage) {
        let now = Instant::now();
        let is_due = |due: &Instant| *due <= now;
        for (_, trouble) in self.under_way.extract_if(.., |(due, _)| is_due(due)) {
            heal(machine, trouble);
        }
        for (_, who) in self.dead.extract_if(.., |(due, _)| is_due(due)) {
            machine.start_again(who);
            if let Some(pid) = machine.pid_of(who) {
                usage.has_started(&machine.name_of(who), pid);
            }
        }
    }

    fn heal_all(&mut self, machine: &mut Machine, usage: &Usage) {
        let now = Instant::now();
        for (due, _) in &mut self.under_way {
            *due = now;
        }
        for (due, _) in &mut self.dead {
            *due = now;
        }
        self.heal_what_is_due(machine, usage);
    }

    fn is_dead(&self, who: Who) -> bool {
        self.dead.iter().any(|(_, dead)| *dead == who)
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.under_way.iter().any(|(_, other)| *other == trouble)
    }

    /// What is wrong just now.
    fn names(&self, machine: &Machine) -> Vec<String> {
        let dead = self
            .dead
            .iter()
            .map(|(_, who)| format!("{} dead", machine.name_of(*who)));
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

fn heal(machine: &mut Machine, trouble: Trouble) {
    match trouble {
        Trouble::Stopped(who) => machine.cont(who),
        Trouble::Network(way, _) => machine.proxy(way).heal(),
    }
}
