//! What goes wrong, step by step as the plan says, and what follows from it by itself.

use runtime::{Answer, Task, bookkeeping::rows::DeadLetter};

use crate::{
    deaths::Moment,
    gates::{Pass, Point},
    groups,
    members::{BROKEN, Life},
    plan::{Fault, What},
    world::World,
};

/// A pause between two things that belong together, steps.
pub(crate) const PAUSE: u64 = 120;
const MINUTE: i64 = 60_000_000;

impl World {
    /// Everything that is due at this step.
    pub(crate) fn meet_faults(&mut self) {
        while let Some(fault) = self.plan.faults.get(self.next_fault).copied() {
            if fault.step > self.step {
                break;
            }
            self.next_fault += 1;
            self.meet(fault);
        }
        self.follow_up();
    }

    /// The faults that are left come at once: nothing else happens any more.
    pub(crate) fn bring_on(&mut self) -> bool {
        let Some(fault) = self.plan.faults.get_mut(self.next_fault) else {
            return false;
        };
        fault.step = fault.step.min(self.step + 1);
        true
    }

    fn meet(&mut self, fault: Fault) {
        let Fault {
            what,
            group,
            choice,
            ..
        } = fault;
        let (name, until) = (groups::NAMES[group], self.step + PAUSE);
        let long = until + u64::from(choice % 200);
        self.took((what as u8, group));
        let running = self.members[group].running();
        let place = (!running.is_empty()).then(|| running[choice as usize % running.len()]);
        self.history.note(|| format!("** {what:?}: {name}"));
        match (what, place) {
            (What::Dies, _) => {
                let moments = [
                    Moment::Anywhere,
                    Moment::Telling,
                    Moment::At(Some(Point::Commit)),
                    Moment::At(Some(Point::Committed)),
                    Moment::At(None),
                ];
                let moment = moments[choice as usize % moments.len()];
                self.pending.deaths.push((group, moment));
            }
            (What::StandsStill, Some(place)) => {
                self.members[group].stand_still(place);
                self.pending.still.push((group, place, long));
            }
            (What::IsStopped, Some(place)) => {
                self.count("stops");
                self.members[group].stop(place);
                self.pending.restarts.push((group, until));
            }
            (What::ClientBreaks, Some(place)) => {
                self.count("clients broken");
                self.members[group].slots[place]
                    .process
                    .break_client(BROKEN);
                self.pending.restarts.push((group, until));
            }
            (What::Upgrade, _) => self.upgrade(group),
            (What::ShardsMove, _) => {
                self.count("moves");
                self.members[group].rebalance();
            }
            (What::CommitFails, _) => self.pending.commit[group] = Some(Pass::Fails),
            (What::CommitReplyIsLost, _) => self.pending.commit[group] = Some(Pass::LosesReply),
            (What::DatabaseIsAway, _) => self.pending.store_away[group] = long,
            (What::ClusterIsAway, _) => self.set_cluster_away(long),
            (What::EventIsRefused, _) => self.pending.refusal[group] = true,
            (What::OutsideIsAway, _) => self.pending.outside_away = long,
            (What::TimePasses, _) => self.pass(match choice % 8 {
                0 => 26 * 60 * MINUTE,
                _ => MINUTE * i64::from(1 + choice % 30),
            }),
            (What::ClockIsSet, _) => self.set_clock(group, choice),
            (What::RecordComesAgain, _) => self.come_again(choice),
            (What::Redrive, _) => self.redrive(group),
            (What::StockIsCounted, _) => self.count_stock(choice),
            (What::GoodsComeBack, _) => self.want_back(choice),
            (What::StandsStill | What::IsStopped | What::ClientBreaks, None) => {}
        }
    }

    fn follow_up(&mut self) {
        if !self.pending.deaths.is_empty() {
            self.die();
        }
        let (step, now) = (self.step, self.now);
        for (group, place, _) in due(&mut self.pending.still, step, |one| one.2) {
            if self.members[group].slots[place].life != Life::Still {
                continue;
            }
            self.members[group].revive(place, now);
            self.count("zombies");
            let (name, number) = (
                groups::NAMES[group],
                self.members[group].slots[place].number,
            );
            self.history.note(|| format!("{name} {number} goes on"));
            self.pending.unaware.push((group, place, step + PAUSE / 2));
        }
        for (group, place, _) in due(&mut self.pending.unaware, step, |one| one.2) {
            self.members[group].learn(place, now);
        }
        for (group, _) in due(&mut self.pending.restarts, step, |one| one.1) {
            self.start(group);
        }
        if self.pending.cluster_away == step {
            self.set_cluster_away(step);
        }
    }

    fn set_cluster_away(&mut self, until: u64) {
        self.pending.cluster_away = until;
        for slot in self.members.iter().flat_map(|members| &members.slots) {
            slot.process.set_cluster_away(until > self.step);
        }
    }

    /// Every process of the group ends, and comes back with the newest build.
    pub(crate) fn upgrade(&mut self, group: usize) {
        self.members[group].reader = schemas::versions::NEWEST;
        self.around
            .watch
            .seen()
            .behind
            .take_if(|behind| behind.0 == group);
        for place in 0..self.members[group].slots.len() {
            if self.members[group].slots[place].life == Life::Still {
                self.kill(group, place);
            }
        }
        for place in self.members[group].running() {
            self.count("stops");
            self.members[group].stop(place);
        }
    }

    /// By up to an hour and back again.
    fn set_clock(&mut self, group: usize, choice: u32) {
        let members = &mut self.members[group];
        members.skew = match members.skew {
            0 => MINUTE * (i64::from(choice % 120) - 60),
            _ => 0,
        };
        for slot in &members.slots {
            slot.process.clock().skew(members.skew);
        }
    }

    fn redrive(&mut self, group: usize) {
        let store = &self.stores[group];
        if !store.is_at_rest() {
            return;
        }
        let letters: Vec<DeadLetter> = store.rows().unwrap();
        let sql = "UPDATE dead_letters SET state = 'redrive' WHERE state = 'set_aside'";
        store.run(sql).unwrap();
        for letter in letters {
            if letter.state == "set_aside" {
                let asked = (self.redrives).entry((group, letter.dead_letter_id));
                *asked.or_default() += 1;
                self.count("redrives");
            }
        }
    }

    /// The outside does what a task asks for; a promise that this breaks is noted.
    pub(crate) fn perform(&mut self, task: &Task) -> Option<Answer> {
        if task.kind == "hand_over" {
            let seen = self.around.watch.seen();
            let state = |group: usize| seen.states[group].get(&task.key).cloned();
            let groups = [groups::PAYMENT, groups::INVENTORY, groups::DISPATCH];
            let states = groups.map(state);
            drop(seen);
            // Whatever was said once is only said again.
            let is_new = !self.outside.has_said(&task.task_id);
            let fit = ["authorised", "firm", "handing_over"];
            if is_new && states.each_ref().map(|state| state.as_deref()) != fit.map(Some) {
                let id = &task.key;
                let broken =
                    format!("I5: {id} is handed over: payment, stock and dispatch {states:?}");
                self.around.watch.broke(broken);
            }
        }
        match self.outside.perform(task) {
            Ok(answer) => Some(answer),
            Err(broken) => {
                self.around.watch.broke(broken);
                None
            }
        }
    }

    /// Whether a process stands still, or is about to be told of what it missed.
    pub(crate) fn is_disturbed(&self) -> bool {
        let pending = &self.pending;
        let is_still = (self.members.iter().flat_map(|members| &members.slots))
            .any(|slot| slot.life == Life::Still);
        let away = [pending.cluster_away, pending.outside_away];
        let away = away.iter().chain(&pending.store_away);
        is_still
            || !pending.unaware.is_empty()
            || !pending.restarts.is_empty()
            || away.into_iter().any(|until| *until > self.step)
    }
}

/// Takes out those that are due.
fn due<T: Copy>(waiting: &mut Vec<T>, step: u64, when: impl Fn(&T) -> u64) -> Vec<T> {
    let (due, rest) = waiting.iter().partition(|one| when(one) <= step);
    *waiting = rest;
    due
}
