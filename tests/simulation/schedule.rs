//! The scheduler: one step after the other, each drawn from the seed, until nothing is left to happen.

use rand::Rng as _;

use crate::{
    gates::{Pass, Point, Waits},
    groups,
    members::Life,
    world::World,
};

/// A run that takes longer goes round in circles.
const STEPS_MAX: u64 = 60_000;
/// So often in a row the clock is moved on without anything coming of it but ticks before the world is
/// taken for quiet: a tick looks for timers, asks for ends, and fires only then.
const QUIET: u32 = 30;
/// So often nothing comes of it before the world is taken for stuck.
const STUCK: u32 = 3_000;

/// What can be done in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    Pass,
    HandOver,
    Arrive,
    Reply,
    Sell,
}

/// How often each is tried first; shops are slower than groups.
const WEIGHTS: [(Act, u32); 5] = [
    (Act::Pass, 40),
    (Act::HandOver, 20),
    (Act::Arrive, 20),
    (Act::Reply, 16),
    (Act::Sell, 4),
];

impl World {
    /// Everything that happens, until nothing is left to happen; or what was broken.
    pub(crate) async fn run(&mut self) -> Result<(), String> {
        for group in 0..5 {
            for _ in 0..self.plan.shape.processes {
                self.start(group);
            }
        }
        let mut barren = 0;
        while self.step < STEPS_MAX {
            self.step += 1;
            self.history.at(self.step);
            self.pass(1_000);
            self.meet_faults();
            self.coordinate()?;
            settle().await;
            let acted = self.act();
            if std::mem::take(&mut self.progressed) {
                barren = 0;
            }
            if !acted {
                barren += 1;
                if barren > QUIET && self.is_over()? {
                    return Ok(());
                }
                if barren > STUCK {
                    break;
                }
                self.move_on(barren)?;
            }
            settle().await;
            let broken = self.around.watch.seen().broken.first().cloned();
            if let Some(broken) = broken {
                return Err(broken);
            }
        }
        Err(format!("I10: it does not end: {}", self.left()))
    }

    fn coordinate(&mut self) -> Result<(), String> {
        let (shards, now) = (self.plan.shape.shards, self.now);
        for (group, name) in groups::NAMES.iter().enumerate() {
            let random = &mut self.random;
            let members = &mut self.members[group];
            let draw = |below: usize| random.random_range(0..below);
            let carried_on = members.coordinate((shards, now), draw);
            carried_on.map_err(|why| format!("{name}: {why}"))?;
            let is_coming = self.pending.restarts.iter().any(|(of, _)| *of == group);
            if self.members[group].running().is_empty() && !is_coming {
                self.start(group);
            }
        }
        Ok(())
    }

    /// Does one thing, if there is one to do.
    fn act(&mut self) -> bool {
        let all: u32 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.random.random_range(0..all);
        let mut first = 0;
        for (index, (_, weight)) in WEIGHTS.iter().enumerate() {
            first = index;
            if drawn < *weight {
                break;
            }
            drawn -= weight;
        }
        (0..WEIGHTS.len()).any(|turn| {
            let (act, _) = WEIGHTS[(first + turn) % WEIGHTS.len()];
            let done = match act {
                Act::Pass => self.let_pass(),
                Act::HandOver => self.hand_over(),
                Act::Arrive => self.arrive(),
                Act::Reply => self.reply(),
                Act::Sell => {
                    let sells = self.next_deed < self.plan.deeds.len() && self.is_open();
                    if sells {
                        self.sell();
                    }
                    sells
                }
            };
            if done {
                // A transaction that begins may be a tick's, which only looks.
                self.progressed |= act != Act::Pass;
                self.took((self.step, act));
            }
            done
        })
    }

    /// One of those that stand at a gate goes on.
    fn let_pass(&mut self) -> bool {
        let waiting = self.around.gates.waiting();
        let may_pass = |(group, number): (usize, u32), point: Option<Point>| {
            let slots = &self.members[group].slots;
            let slot = slots.iter().find(|slot| slot.number == number);
            let is_still = slot.is_some_and(|slot| slot.life == Life::Still);
            // A database ends the transaction of a client that stands still in the middle of it.
            let is_away = self.step < self.pending.outside_away && point.is_none();
            !is_away && (!is_still || point == Some(Point::Commit))
        };
        let waiting: Vec<(u64, (usize, u32), Option<Point>)> = waiting
            .into_iter()
            .filter(|(_, process, point)| may_pass(*process, *point))
            .collect();
        if waiting.is_empty() {
            return false;
        }
        let number = waiting[self.draw(waiting.len())].0;
        let Some((process, waits)) = self.around.gates.take(number) else {
            return false;
        };
        self.took((process, number));
        match waits {
            Waits::Store(point, told) => {
                self.progressed |= point == Point::Commit;
                let pass = self.pass_of(process.0, point);
                let (name, number) = (groups::NAMES[process.0], process.1);
                self.history
                    .note(|| format!("{name} {number}: {point:?} {pass:?}"));
                told.send(pass).ok();
            }
            Waits::Call(task, told) => {
                self.progressed = true;
                // Of a call that nobody waits for any more, the request may still arrive.
                let is_lost = told.is_closed() || self.happens(self.plan.shape.loss);
                let is_made = !is_lost || self.happens(0.5);
                let answer = is_made.then(|| self.perform(&task)).flatten();
                match (is_made, is_lost) {
                    (true, true) => self.count("calls whose reply was lost"),
                    (false, _) => self.count("calls that were lost"),
                    (true, false) => {}
                }
                let (name, id) = (groups::NAMES[process.0], &task.task_id);
                self.history
                    .note(|| format!("{name} asks {id}: made {is_made}, heard {}", !is_lost));
                drop(told.send(answer.filter(|_| !is_lost)));
            }
        }
        true
    }

    fn pass_of(&mut self, group: usize, point: Point) -> Pass {
        let is_away = self.step < self.pending.store_away[group];
        match point {
            Point::Begin if is_away => {
                self.count("calls to a database that is away");
                Pass::Fails
            }
            Point::Commit => {
                let pass = self.pending.commit[group].take().unwrap_or(Pass::Made);
                match pass {
                    Pass::Fails => self.count("commits failed"),
                    Pass::LosesReply => self.count("commit replies lost"),
                    Pass::Made => {}
                }
                pass
            }
            Point::Begin | Point::Committed => Pass::Made,
        }
    }

    /// Nothing can happen now: the clock moves to the next that wakes, and once the world has been
    /// quiet for long, to the next deadline.
    fn move_on(&mut self, barren: u32) -> Result<(), String> {
        let mut until = self.next_wake();
        if barren.is_multiple_of(QUIET)
            && let Some(due) = self.next_due()?
        {
            until = until.max(Some(due));
        }
        let until = until.unwrap_or(self.now);
        // Those that wake at about the same time wake together.
        self.pass((until - self.now).max(0) + 20_000);
        Ok(())
    }
}

/// Whoever can go on goes on, to where it waits for the scheduler.
async fn settle() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}
