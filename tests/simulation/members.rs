//! The processes of one group, and what the group coordinator would do: it gives shards to those that
//! it takes for alive, and takes them from all when that changes.

use std::sync::Arc;

use runtime::{
    Outgoing,
    simulated::{Clock, Process},
};

/// What a process is doing, as the world knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Runs,
    /// It stands still; the group does not know yet, or takes it for dead.
    Still,
    /// It has been told to stop, and is letting go.
    Leaves,
    /// Its events may still be on their way.
    Over,
}

/// One process.
pub(crate) struct Slot {
    pub(crate) number: u32,
    pub(crate) process: Process,
    pub(crate) life: Life,
    /// What the group has given to it, as far as it knows.
    pub(crate) shards: Vec<i32>,
    /// Until when a revocation waits for it.
    revoking_until: Option<i64>,
}

/// See the module.
pub(crate) struct Members {
    pub(crate) slots: Vec<Slot>,
    pub(crate) started: u32,
    pub(crate) reader: u32,
    wants: bool,
    rebalances: bool,
    pub(crate) skew: i64,
}

/// What a client says that cannot recover.
pub(crate) const BROKEN: &str = "the client is broken";

/// How long a revocation waits, microseconds: `drain_timeout`.
const PATIENCE: i64 = 10_000_000;

impl Slot {
    fn revoke(&mut self, lost: bool, now: i64) {
        let shards = std::mem::take(&mut self.shards);
        self.process.revoke(&shards, lost);
        self.revoking_until = Some(now + PATIENCE);
    }

    /// Whether it is done with the last revocation.
    fn is_settled(&mut self, now: i64) -> bool {
        let Some(until) = self.revoking_until else {
            return true;
        };
        if self.process.is_revoking() && now < until {
            return false;
        }
        self.process.revoked();
        self.revoking_until = None;
        true
    }
}

impl Members {
    pub(crate) fn new(reader: u32) -> Self {
        Self {
            slots: Vec::new(),
            started: 0,
            reader,
            wants: false,
            rebalances: false,
            skew: 0,
        }
    }

    /// The processes that run or leave, by their places.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (usize, &Slot)> {
        let alive = |slot: &Slot| matches!(slot.life, Life::Runs | Life::Leaves);
        self.slots
            .iter()
            .enumerate()
            .filter(move |(_, slot)| alive(slot))
    }

    /// The places of those that run.
    pub(crate) fn running(&self) -> Vec<usize> {
        let running = self.slots.iter().enumerate();
        let running = running.filter(|(_, slot)| slot.life == Life::Runs);
        running.map(|(place, _)| place).collect()
    }

    /// A process was started, and joins.
    pub(crate) fn join(&mut self, number: u32, process: Process) {
        self.slots.push(Slot {
            number,
            process,
            life: Life::Runs,
            shards: vec![],
            revoking_until: None,
        });
        self.wants = true;
    }

    pub(crate) fn rebalance(&mut self) {
        self.wants = true;
    }

    /// It ends here and now: which events of its are lost. `survive` says how many of so many that
    /// are on their way to one partition arrive all the same.
    pub(crate) fn kill(
        &mut self,
        place: usize,
        survive: impl FnMut(usize) -> usize,
    ) -> Vec<Outgoing> {
        let slot = &mut self.slots[place];
        slot.life = Life::Over;
        self.wants = true;
        slot.process.kill(survive)
    }

    pub(crate) fn stand_still(&mut self, place: usize) {
        self.slots[place].life = Life::Still;
        self.wants = true;
    }

    /// It goes on, and learns only later that others have its shards.
    pub(crate) fn revive(&mut self, place: usize, now: i64) {
        let slot = &mut self.slots[place];
        slot.life = Life::Runs;
        slot.process.clock().move_to(now);
    }

    /// It learns that its shards are lost, and joins again.
    pub(crate) fn learn(&mut self, place: usize, now: i64) {
        let slot = &mut self.slots[place];
        if slot.life == Life::Runs && slot.revoking_until.is_none() && !slot.shards.is_empty() {
            slot.revoke(true, now);
        }
        self.wants = true;
    }

    pub(crate) fn stop(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        slot.process.stop();
        slot.life = Life::Leaves;
    }

    /// Carries on; what went wrong by itself is an error. `draw` says who of so many gets a shard.
    pub(crate) fn coordinate(
        &mut self,
        (shards, now): (i32, i64),
        mut draw: impl FnMut(usize) -> usize,
    ) -> Result<(), String> {
        for slot in &mut self.slots {
            self.wants |= slot.carry_on(now)?;
        }
        if self.wants && !self.rebalances {
            self.wants = false;
            self.rebalances = true;
            for slot in &mut self.slots {
                let holds = slot.life == Life::Runs && !slot.shards.is_empty();
                if holds && slot.revoking_until.is_none() {
                    slot.revoke(false, now);
                }
            }
        }
        if self.rebalances && self.are_settled(now) {
            self.rebalances = false;
            self.give_out(shards, &mut draw);
        }
        Ok(())
    }

    fn are_settled(&mut self, now: i64) -> bool {
        let mut all = true;
        for slot in &mut self.slots {
            if matches!(slot.life, Life::Runs | Life::Leaves) {
                all &= slot.is_settled(now) || slot.life == Life::Leaves;
            }
        }
        all
    }

    fn give_out(&mut self, shards: i32, draw: &mut impl FnMut(usize) -> usize) {
        let running = self.running();
        if running.is_empty() {
            return;
        }
        let mut given = vec![vec![]; running.len()];
        for shard in 0..shards {
            given[draw(running.len())].push(shard);
        }
        for (place, shards) in running.into_iter().zip(given) {
            let slot = &mut self.slots[place];
            slot.process.assign(&shards);
            slot.shards = shards;
        }
    }
}

impl Slot {
    /// Listens to the process; whether the group has to give out its shards anew.
    fn carry_on(&mut self, now: i64) -> Result<bool, String> {
        if !matches!(self.life, Life::Runs | Life::Leaves) {
            return Ok(false);
        }
        let wants_to_leave = self.process.listen();
        match self.process.outcome() {
            // What it depends on may be away for longer than a shutdown may take.
            Some(Err(why))
                if !why.starts_with("shutdown not finished") && !why.contains(BROKEN) =>
            {
                return Err(format!("process {} ended: {why}", self.number));
            }
            Some(_) => {
                // Its client has thrown away what it had not sent.
                self.process.kill(|events| events);
                self.life = Life::Over;
                return Ok(true);
            }
            None => {}
        }
        if self.life == Life::Leaves && wants_to_leave && self.is_settled(now) {
            if self.shards.is_empty() {
                self.process.leave();
            } else {
                self.revoke(false, now);
            }
        }
        Ok(false)
    }
}

/// A clock of its own for each process: one that stands still wakes nobody.
pub(crate) fn clock(now: i64, skew: i64) -> Arc<Clock> {
    let clock = Clock::new(now);
    clock.skew(skew);
    Arc::new(clock)
}
