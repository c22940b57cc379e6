//! In place of the producer: what was handed over is on its way until it is said to have arrived, and
//! acknowledged once that is said. In order per partition, as an idempotent producer keeps it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Topics;
use crate::{
    broker::{Acknowledged, Bounds, Broker, Ticket, TopicState},
    group::Timestamp,
    intake::Intake,
    record::{Outgoing, Record},
};

/// A topic and a partition.
pub(super) type Place = (String, i32);

/// One process's client.
#[derive(Debug)]
pub(super) struct Client {
    topics: Arc<Topics>,
    intakes: Vec<Arc<Intake>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    on_their_way: BTreeMap<Place, VecDeque<(Ticket, Outgoing)>>,
    /// Arrived or refused, and not told yet.
    replies: VecDeque<(Ticket, Option<String>)>,
    acknowledged: BTreeMap<usize, Vec<Acknowledged>>,
    /// How many events may be under way at once, where that is limited.
    room: Option<usize>,
    is_away: bool,
    has_ended: bool,
    broken: Option<String>,
}

impl Client {
    pub(super) fn new(topics: Arc<Topics>, intakes: Vec<Arc<Intake>>) -> Self {
        Self {
            topics,
            intakes,
            state: Mutex::default(),
        }
    }

    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Its process has ended: nobody is told anything any more. Of the events on their way to each
    /// partition so many arrive all the same as `survive` says of how many there are, the first
    /// ones, as a client sends them; the others are lost, and returned.
    pub(super) fn end(&self, mut survive: impl FnMut(usize) -> usize) -> Vec<Outgoing> {
        let mut state = self.lock();
        state.has_ended = true;
        state.replies.clear();
        let queues = state.on_their_way.values_mut();
        let lost = queues.filter(|queue| !queue.is_empty()).flat_map(|queue| {
            let surviving = survive(queue.len()).min(queue.len());
            queue.split_off(surviving)
        });
        lost.map(|(_, outgoing)| outgoing).collect()
    }

    /// It takes no more than so many events at once.
    pub(super) fn set_room(&self, events: usize) {
        self.lock().room = Some(events);
    }

    /// It meets an error from which it cannot recover.
    pub(super) fn set_broken(&self, why: &str) {
        self.lock().broken = Some(why.to_owned());
    }

    pub(super) fn set_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    /// Where events are on their way to.
    pub(super) fn on_their_way(&self) -> Vec<Place> {
        let state = self.lock();
        let waiting = state.on_their_way.iter().filter(|(_, of)| !of.is_empty());
        waiting.map(|(place, _)| place.clone()).collect()
    }

    /// The next event arrives, or is refused.
    pub(super) fn arrive(
        &self,
        place: &Place,
        refused: Option<&str>,
        now: Timestamp,
    ) -> Option<(Outgoing, Option<Arc<Record>>)> {
        let mut state = self.lock();
        let (ticket, outgoing) = state.on_their_way.get_mut(place)?.pop_front()?;
        let record = match refused {
            Some(_) => None,
            None => {
                let (key, payload) = (Some(outgoing.key.clone()), outgoing.payload.clone());
                let headers = outgoing.headers.clone();
                (self.topics).append(&outgoing.topic, key, payload, headers, now)
            }
        };
        if !state.has_ended {
            let failure = refused.map(str::to_owned);
            state.replies.push_back((ticket, failure));
        }
        Some((outgoing, record))
    }

    /// How many replies are on their way back.
    pub(super) fn replies(&self) -> usize {
        self.lock().replies.len()
    }

    /// The reply of that number comes back.
    pub(super) fn reply(&self, number: usize) {
        let mut state = self.lock();
        let Some((ticket, failure)) = state.replies.remove(number) else {
            return;
        };
        let acknowledged = Acknowledged {
            shard: ticket.shard,
            epoch: ticket.epoch,
            sequence: ticket.sequence,
            failure,
        };
        let of_lane = state.acknowledged.entry(ticket.lane).or_default();
        of_lane.push(acknowledged);
        drop(state);
        self.intakes[ticket.lane].wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Queues that are changed one element at a time: sound, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn require_there(&self) -> Result<(), String> {
        match self.lock().is_away {
            true => Err("all brokers are down".to_owned()),
            false => Ok(()),
        }
    }
}

impl Broker for Client {
    fn publish(&self, ticket: Ticket, outgoing: &Outgoing) -> Result<bool, String> {
        let mut state = self.lock();
        if !self.topics.has(&outgoing.topic) {
            return Err(format!("publish to {}: unknown topic", outgoing.topic));
        }
        let on_their_way: usize = state.on_their_way.values().map(VecDeque::len).sum();
        let under_way = on_their_way + state.replies.len();
        if state.room.is_some_and(|room| under_way >= room) {
            return Ok(false);
        }
        if !state.has_ended {
            let partition = self.topics.partition_of(Some(&outgoing.key));
            let place = (outgoing.topic.clone(), partition);
            let queue = state.on_their_way.entry(place).or_default();
            queue.push_back((ticket, outgoing.clone()));
        }
        Ok(true)
    }

    fn take_acknowledged(&self, lane: usize) -> Vec<Acknowledged> {
        self.lock().acknowledged.remove(&lane).unwrap_or_default()
    }

    fn watermarks(&self, topic: &str, partition: i32, _: Duration) -> Result<Bounds, String> {
        self.require_there()?;
        Ok((0, self.topics.end(topic, partition)))
    }

    fn bounds(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Option<Bounds>>, String> {
        let bounds = |(topic, partition): &(&str, i32)| {
            let bounds = self.watermarks(topic, *partition, timeout)?;
            Ok(Some(bounds))
        };
        partitions.iter().map(bounds).collect()
    }

    fn topic_state(&self, topic: &str, _: Duration) -> Result<TopicState, String> {
        self.require_there()?;
        let partitions = usize::try_from(self.topics.partitions()).unwrap_or_default();
        Ok(match self.topics.has(topic) {
            true => TopicState::Partitions(partitions),
            false => TopicState::Missing,
        })
    }

    fn topic_ids(&self, topics: &[String], _: bool) -> Result<Vec<Option<String>>, String> {
        self.require_there()?;
        Ok(topics.iter().map(|topic| Some(topic.clone())).collect())
    }

    fn fatal_error(&self) -> Option<String> {
        self.lock().broken.clone()
    }

    fn purge(&self) {
        self.lock().on_their_way.clear();
    }
}
