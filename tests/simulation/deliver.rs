//! What goes to and fro between the processes and the topics: records that are handed over, events that
//! arrive, replies that are heard; each partition at its own pace.

use rand::Rng as _;

use crate::{groups, world::World};

impl World {
    /// A process is handed records of one of its partitions.
    pub(crate) fn hand_over(&mut self) -> bool {
        if self.step < self.pending.cluster_away {
            return false;
        }
        let mut readable = Vec::new();
        for (group, members) in self.members.iter().enumerate() {
            for (place, slot) in members.alive() {
                let places = slot.process.readable().into_iter();
                readable.extend(places.map(|partition| (group, place, partition)));
            }
        }
        if readable.is_empty() {
            return false;
        }
        let which = self.draw(readable.len());
        let (group, place, partition) = readable.swap_remove(which);
        let most = 1 + self.draw(8);
        let slot = &mut self.members[group].slots[place];
        let (first, behind) = slot.process.hand_over(&partition, most);
        let (name, number) = (groups::NAMES[group], slot.number);
        self.history.note(|| {
            let (topic, partition) = &partition;
            format!("{name} {number} is handed {topic}[{partition}] {first}..{behind}")
        });
        self.took((group, place, first, behind));
        true
    }

    /// An event of a group arrives at its topic, perhaps after the process that sent it has ended.
    pub(crate) fn arrive(&mut self) -> bool {
        if self.step < self.pending.cluster_away {
            return false;
        }
        let mut coming = Vec::new();
        for (group, members) in self.members.iter().enumerate() {
            for (place, slot) in members.slots.iter().enumerate() {
                let to = slot.process.on_their_way().into_iter();
                coming.extend(to.map(|partition| (group, place, partition)));
            }
        }
        if coming.is_empty() {
            return false;
        }
        let (group, place, partition) =
            coming.swap_remove(self.random.random_range(0..coming.len()));
        // Those behind a refused event go on. So the return of goods would overtake their hand-over,
        // and find them neither paid for nor gone: one of the two comes about in a world.
        let may_be_refused = group != groups::DISPATCH || self.returns.is_empty();
        let is_refused = std::mem::take(&mut self.pending.refusal[group]) && may_be_refused;
        let slot = &self.members[group].slots[place];
        let refused = is_refused.then_some("the topic takes no event of this size");
        let Some((outgoing, record)) = slot.process.arrive(&partition, refused, self.now) else {
            return false;
        };
        let (name, number) = (groups::NAMES[group], slot.number);
        match &record {
            Some(record) => {
                let watch = &self.around.watch;
                watch.arrived((group, number), &outgoing.event_id, record);
                if self.lost.remove(&(group, outgoing.event_id.clone())) {
                    self.count("lost events published again");
                }
            }
            None => self.is_refused(group, &outgoing.event_id),
        }
        self.history.note(|| {
            let what = outgoing.headers.text("ce_type").unwrap_or("a dead letter");
            let key = String::from_utf8_lossy(&outgoing.key);
            match &record {
                Some(record) => {
                    format!("{what} of {key} by {name} {number} arrives: {}", record.at)
                }
                None => format!("{what} of {key} by {name} {number} is refused"),
            }
        });
        self.took((group, place, &outgoing.event_id));
        true
    }

    /// An event of a group was refused: those behind it on its shard may come before it.
    fn is_refused(&mut self, group: usize, event_id: &str) {
        let stated = self.around.watch.seen().place(group, event_id);
        if let Some((shard, sequence)) = stated {
            let first = self.refused.entry((group, shard)).or_insert(sequence);
            *first = sequence.min(*first);
        }
        self.count("events refused");
    }

    /// A process hears what became of one of its events.
    pub(crate) fn reply(&mut self) -> bool {
        let mut waiting = Vec::new();
        for (group, members) in self.members.iter().enumerate() {
            for (place, slot) in members.alive() {
                let replies = 0..slot.process.replies();
                waiting.extend(replies.map(|number| (group, place, number)));
            }
        }
        if waiting.is_empty() {
            return false;
        }
        let (group, place, number) = waiting[self.draw(waiting.len())];
        self.members[group].slots[place].process.reply(number);
        self.took((group, place, number));
        true
    }
}
