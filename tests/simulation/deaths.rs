//! How processes die: anywhere, or at a point at which the most can go wrong; and what dies with them.

use rand::Rng as _;

use crate::{faults::PAUSE, gates::Point, groups, world::World};

/// Where a process is when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Anywhere,
    /// Its events are on their way.
    Telling,
    /// It is about to commit; it has committed and does not know; it is asking the outside.
    At(Option<Point>),
}

impl World {
    /// Whose moment has come dies.
    pub(crate) fn die(&mut self) {
        for (group, moment) in std::mem::take(&mut self.pending.deaths) {
            let waiting = self.around.gates.waiting();
            let is_there = |place: &usize| {
                let slot = &self.members[group].slots[*place];
                let process = (group, slot.number);
                match moment {
                    Moment::Anywhere => true,
                    Moment::Telling => !slot.process.on_their_way().is_empty(),
                    Moment::At(point) => {
                        waiting.iter().any(|one| (one.1, one.2) == (process, point))
                    }
                }
            };
            let running = self.members[group].running();
            let place = running.into_iter().find(is_there);
            match place {
                Some(place) => {
                    self.history
                        .note(|| format!("** {} dies: {moment:?}", groups::NAMES[group]));
                    self.kill(group, place);
                    self.pending.restarts.push((group, self.step + PAUSE));
                }
                None => self.pending.deaths.push((group, moment)),
            }
        }
    }

    /// A process ends here and now: of its events on their way to a partition, the last are lost.
    pub(crate) fn kill(&mut self, group: usize, place: usize) {
        let number = self.members[group].slots[place].number;
        for (_, process, point) in self.around.gates.waiting() {
            if process == (group, number) {
                self.count(match point {
                    Some(Point::Begin) => "crashes before a transaction",
                    Some(Point::Commit) => "crashes before a commit",
                    Some(Point::Committed) => "crashes after a commit",
                    None => "crashes during a call",
                });
            }
        }
        self.count("crashes");
        let random = &mut self.random;
        let survive = |events: usize| random.random_range(0..=events);
        let lost = self.members[group].kill(place, survive);
        let seen = self.around.watch.seen();
        let is_missing = |event_id: &String| !seen.has_arrived(group, event_id);
        let missing: Vec<String> = (lost.into_iter().map(|outgoing| outgoing.event_id))
            .filter(is_missing)
            .collect();
        drop(seen);
        for event_id in missing {
            self.history.note(|| format!("{event_id} is lost"));
            self.count("events lost");
            self.lost.insert((group, event_id));
        }
    }
}
