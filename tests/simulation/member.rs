//! One group as its member drives it: positions, tasks and timers around the pure core.
//!
//! It keeps the rules that the runtime keeps: records of a topic in order, tasks of a key in order and
//! each known by its id, a timer replaced by one of its id, and no timer before what was in the topics
//! when it fell due has been read.

use std::collections::{BTreeMap, VecDeque};

use rand::{Rng as _, rngs::StdRng};
use runtime::{
    Answer, Effects, Group, NewTask, Outgoing, Refusal, Task,
    in_memory::{InMemory, stored_task, stored_timer},
};

use crate::{log::Log, outside::Outside};

/// What the world sees of any group.
pub(crate) trait Member {
    fn name(&self) -> &'static str;
    /// Whether it reads a topic.
    fn reads(&self, topic: &str) -> bool;
    /// Reads the next record of one of its topics, if there is one.
    fn read(&mut self, random: &mut StdRng, log: &Log, now: i64) -> Option<Vec<Outgoing>>;
    /// Has one of its tasks performed, if there is one.
    fn perform(
        &mut self,
        random: &mut StdRng,
        outside: &mut Outside,
        now: i64,
    ) -> Option<Vec<Outgoing>>;
    /// Fires a timer that is due, if it may.
    fn fire(&mut self, log: &Log, now: i64) -> Option<Vec<Outgoing>>;
    /// When the next timer is due.
    fn next_timer(&self) -> Option<i64>;
    /// Why records were set aside, in order.
    fn refused(&self) -> &[String];
}

/// A group and what its member holds for it.
pub(crate) struct Running<G: Group> {
    pub(crate) core: InMemory<G>,
    topics: Vec<String>,
    positions: BTreeMap<String, usize>,
    tasks: BTreeMap<String, VecDeque<NewTask>>,
    /// Every task ever asked for, by its id.
    asked: BTreeMap<String, NewTask>,
    timers: BTreeMap<String, runtime::Timer>,
    /// Ends of the topics when the clock first stood behind a time.
    ends_seen: Vec<(i64, BTreeMap<String, usize>)>,
    refused: Vec<String>,
}

impl<G: Group> Running<G> {
    pub(crate) fn new(group: G) -> Self {
        Self {
            topics: group.topics(),
            core: InMemory::new(group),
            positions: BTreeMap::new(),
            tasks: BTreeMap::new(),
            asked: BTreeMap::new(),
            timers: BTreeMap::new(),
            ends_seen: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn position(&self, topic: &str) -> usize {
        self.positions.get(topic).copied().unwrap_or(0)
    }

    fn apply(&mut self, event: &G::Event, now: i64) -> Vec<Outgoing> {
        let (decision, effects) = self.core.apply(event, now);
        if let Err(refusal) = decision {
            self.set_aside(&refusal);
        }
        self.follow(effects)
    }

    fn set_aside(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::Poison { reason, .. } => self.refused.push((*reason).to_owned()),
            other => panic!("{}: {other}", G::NAME),
        }
    }

    fn follow(&mut self, effects: Effects<G::Fact>) -> Vec<Outgoing> {
        for task in effects.tasks {
            if !self.asked.contains_key(&task.task_id) {
                self.asked.insert(task.task_id.clone(), task.clone());
                let of_key = self.tasks.entry(task.key.clone()).or_default();
                of_key.push_back(task);
            }
        }
        for timer_id in effects.cancelled_timers {
            self.timers.remove(&timer_id);
        }
        for timer in &effects.timers {
            self.timers
                .insert(timer.timer_id.clone(), stored_timer(timer));
        }
        let group = self.core.group();
        effects
            .facts
            .iter()
            .map(|fact| group.encode(fact))
            .collect()
    }

    /// Whether all that was in the topics at a time has been read.
    fn has_read_what_was_there(&self, due_at: i64, log: &Log) -> bool {
        let seen = self.ends_seen.iter().find(|(at, _)| *at >= due_at);
        self.topics.iter().all(|topic| {
            let end = seen.map_or_else(
                || log.end(topic),
                |(_, ends)| ends.get(topic).copied().unwrap_or(0),
            );
            self.position(topic) >= end
        })
    }

    fn note_ends(&mut self, log: &Log, now: i64) {
        if self.ends_seen.last().is_none_or(|(at, _)| *at < now) {
            let ends = self
                .topics
                .iter()
                .map(|topic| (topic.clone(), log.end(topic)));
            self.ends_seen.push((now, ends.collect()));
        }
    }
}

impl<G: Group> Member for Running<G> {
    fn name(&self) -> &'static str {
        G::NAME
    }

    fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|read| read == topic)
    }

    fn read(&mut self, random: &mut StdRng, log: &Log, now: i64) -> Option<Vec<Outgoing>> {
        let unread: Vec<String> = (self.topics.iter())
            .filter(|topic| self.position(topic) < log.end(topic))
            .cloned()
            .collect();
        if unread.is_empty() {
            return None;
        }
        let topic = &unread[random.random_range(0..unread.len())];
        let record = log.get(topic, self.position(topic)).unwrap();
        *self.positions.entry(topic.clone()).or_default() += 1;
        match self.core.group().decode(record) {
            Ok(event) => Some(self.apply(&event, now)),
            Err(refusal) => {
                self.set_aside(&refusal);
                Some(Vec::new())
            }
        }
    }

    fn perform(
        &mut self,
        random: &mut StdRng,
        outside: &mut Outside,
        now: i64,
    ) -> Option<Vec<Outgoing>> {
        if self.tasks.is_empty() {
            return None;
        }
        let keys = self
            .tasks
            .keys()
            .nth(random.random_range(0..self.tasks.len()));
        let key = keys.cloned().unwrap();
        let task: Task = stored_task(self.tasks[&key].front().unwrap(), now);
        let Some(Answer(answer)) = outside.perform(random, &task) else {
            // No answer: it is tried again, under the same id.
            return Some(Vec::new());
        };
        let of_key = self.tasks.get_mut(&key).unwrap();
        // After a crash the call is made again although its answer was written down.
        if !random.random_bool(0.05) {
            of_key.pop_front();
        }
        if of_key.is_empty() {
            self.tasks.remove(&key);
        }
        match self.core.group().answered(&task, &Answer(answer)) {
            Ok(event) => Some(self.apply(&event, now)),
            Err(refusal) => {
                self.set_aside(&refusal);
                Some(Vec::new())
            }
        }
    }

    fn fire(&mut self, log: &Log, now: i64) -> Option<Vec<Outgoing>> {
        self.note_ends(log, now);
        let due = self.timers.values();
        let due = due
            .filter(|timer| timer.due_at <= now)
            .min_by_key(|timer| timer.due_at)?;
        if !self.has_read_what_was_there(due.due_at, log) {
            return None;
        }
        let timer_id = due.timer_id.clone();
        let timer = self.timers.remove(&timer_id).unwrap();
        let event = self.core.group().due(&timer).unwrap();
        Some(self.apply(&event, now))
    }

    fn next_timer(&self) -> Option<i64> {
        self.timers.values().map(|timer| timer.due_at).min()
    }

    fn refused(&self) -> &[String] {
        &self.refused
    }
}
