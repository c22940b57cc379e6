//! One member of a group: it takes shards when partitions are given to it, starts reading once they
//! are taken, and lets go when partitions are revoked.
//!
//! Taking is retried for as long as the database is away: the member keeps its place in the group
//! meanwhile, and a revocation in between ends the attempt.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::{
    bookkeeping::{rows::Position, shard::Found},
    group::Group,
    kafka::{Command, PollEvent, PollThread, lane_of},
    lane::{Control, Shared, backoff},
    store::StoreError,
    takeover,
};

/// How long asking Kafka for the ends of one partition may take.
const WATERMARKS_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the topics cannot be read now.
enum Unfit {
    Later(String),
    Never(String),
}

/// The member's view of its assignment.
pub(crate) struct Member<G> {
    shared: Arc<Shared<G>>,
    poll: PollThread,
    lanes: Vec<mpsc::UnboundedSender<Control>>,
    ticket: u64,
    assigned: BTreeSet<(String, i32)>,
    /// When to try to take the assigned shards (again).
    take_at: Option<Instant>,
    tries: u32,
}

impl<G: Group> Member<G> {
    pub(crate) fn new(
        shared: Arc<Shared<G>>,
        poll: PollThread,
        lanes: Vec<mpsc::UnboundedSender<Control>>,
    ) -> Self {
        Self {
            shared,
            poll,
            lanes,
            ticket: 0,
            assigned: BTreeSet::new(),
            take_at: None,
            tries: 0,
        }
    }

    pub(crate) fn stop(&self) {
        self.poll.tell(Command::Stop);
    }

    pub(crate) fn has_left(&self) -> bool {
        self.poll.has_ended()
    }

    pub(crate) fn resume(&self) {
        for lane in &self.lanes {
            drop(lane.send(Control::Resume));
        }
    }

    /// When [`Member::take`] is to be called, if it is.
    pub(crate) fn take_at(&self) -> Option<Instant> {
        self.take_at
    }

    /// Follows an event of the poll thread; an error ends the process.
    pub(crate) async fn follow(&mut self, event: PollEvent) -> Result<(), String> {
        match event {
            PollEvent::Assigned { partitions } => {
                tracing::info!(partitions = partitions.len(), "assigned");
                self.assigned.extend(partitions);
                self.tries = 0;
                self.take_at = Some(Instant::now());
            }
            PollEvent::Revoked {
                partitions,
                lost,
                done,
            } => {
                tracing::info!(partitions = partitions.len(), lost, "revoked");
                self.shared.status.set_assigned(false);
                self.take_at = None;
                for partition in &partitions {
                    self.assigned.remove(partition);
                }
                self.release(&partitions, lost).await;
                drop(done);
                if !self.assigned.is_empty() {
                    self.take_at = Some(Instant::now());
                }
            }
            PollEvent::Halted {
                topic,
                partition,
                reason,
            } => {
                tracing::error!(topic, partition, reason, "partition halted");
                self.shared
                    .status
                    .set_halted(&topic, partition, Some(&reason));
            }
            PollEvent::Fatal(reason) => return Err(reason),
        }
        Ok(())
    }

    /// A shard turned out to have another owner. Either a rebalance is on its way and says so, or,
    /// once a session time-out has passed without one, the assignment stands and it is taken again.
    pub(crate) fn fenced(&mut self) {
        if self.take_at.is_none() {
            self.take_at = Some(Instant::now() + self.shared.config.session_timeout);
        }
    }

    async fn release(&self, partitions: &[(String, i32)], lost: bool) {
        let shards: BTreeSet<i32> = partitions.iter().map(|(_, partition)| *partition).collect();
        let shards: Vec<i32> = shards.into_iter().collect();
        // A lost assignment has other owners already: nothing is waited for.
        let patience = if lost {
            Duration::ZERO
        } else {
            self.shared.config.drain_timeout * 3 / 4
        };
        let deadline = Instant::now() + patience;
        let (released, mut all_released) = mpsc::channel(1);
        for lane in &self.lanes {
            let released = released.clone();
            drop(lane.send(Control::Release {
                shards: shards.clone(),
                deadline,
                released,
            }));
        }
        drop(released);
        let limit = self.shared.config.drain_timeout;
        drop(tokio::time::timeout(limit, all_released.recv()).await);
    }

    /// Takes the shards of the assignment and starts reading.
    pub(crate) async fn take(&mut self) -> Result<(), String> {
        self.take_at = None;
        let shards: BTreeSet<i32> = self.assigned.iter().map(|(_, shard)| *shard).collect();
        let shards: Vec<i32> = shards.into_iter().collect();
        let shared = Arc::clone(&self.shared);
        let config = &shared.config;
        match self.check_partitions().await {
            Ok(()) => {}
            Err(Unfit::Later(why)) => {
                self.try_later("kafka", &why);
                return Ok(());
            }
            Err(Unfit::Never(why)) => return Err(why),
        }
        let taken = takeover::take(
            shared.store.as_ref(),
            &shards,
            &shared.topics,
            &config.member,
        )
        .await;
        match taken {
            Ok(found) => {
                self.ticket += 1;
                let ticket = self.ticket;
                match self.starts(found).await {
                    Ok((found, partitions)) => {
                        shared.status.set_waiting("assignment", None);
                        self.hand_over(found).await;
                        self.poll.tell(Command::Start { ticket, partitions });
                        shared.status.set_assigned(true);
                        self.tries = 0;
                    }
                    Err(why) => self.try_later("kafka", &why),
                }
            }
            Err(StoreError::Fatal(why)) => return Err(why),
            Err(error) => self.try_later("database", &error.to_string()),
        }
        Ok(())
    }

    fn try_later(&mut self, dependency: &'static str, why: &str) {
        let wait = backoff(self.shared.config.backoff, self.tries);
        self.tries = self.tries.saturating_add(1);
        tracing::warn!(
            dependency,
            why,
            tries = self.tries,
            "shards not taken, waiting"
        );
        self.shared
            .status
            .set_waiting("assignment", Some(dependency));
        self.take_at = Some(Instant::now() + wait);
    }

    async fn hand_over(&self, found: Vec<Found>) {
        let mut by_lane: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
        for found in found {
            by_lane
                .entry(lane_of(found.shard, self.lanes.len()))
                .or_default()
                .push(found);
        }
        let (taken, mut all_taken) = mpsc::channel(1);
        for (number, lane) in self.lanes.iter().enumerate() {
            let found = by_lane.remove(&number).unwrap_or_default();
            let (ticket, taken) = (self.ticket, taken.clone());
            drop(lane.send(Control::Take {
                ticket,
                found,
                taken,
            }));
        }
        drop(taken);
        all_taken.recv().await;
    }

    /// Shard `p` is partition `p` of every topic, so all topics must have as many. A topic that does
    /// not exist yet is waited for: reading without it would take its facts for missing.
    async fn check_partitions(&self) -> Result<(), Unfit> {
        let shared = Arc::clone(&self.shared);
        let counted = tokio::task::spawn_blocking(move || {
            shared
                .publisher
                .partition_counts(&shared.topics, WATERMARKS_TIMEOUT)
        });
        let counts = counted.await.map_err(|error| error.to_string());
        let counts = counts.and_then(|counts| counts).map_err(Unfit::Later)?;
        if let Some((missing, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Unfit::Later(format!("the topic {missing} does not exist")));
        }
        if counts.iter().any(|(_, count)| *count != counts[0].1) {
            let list = counts
                .iter()
                .map(|(topic, count)| format!("{topic} has {count}"));
            let list = list.collect::<Vec<_>>().join(", ");
            let rule = "all topics of a group need the same number of partitions";
            return Err(Unfit::Never(format!("{rule}: {list}")));
        }
        Ok(())
    }

    /// Where each partition starts. A stored position that is outside of its topic halts the
    /// partition, and so does another id of the topic: records were deleted unread, or this is
    /// another topic of the same name. A partition that was never read gets its first position.
    async fn starts(
        &self,
        mut found: Vec<Found>,
    ) -> Result<(Vec<Found>, Vec<(String, i32, i64)>), String> {
        let assigned: Vec<(String, i32)> = self.assigned.iter().cloned().collect();
        let shared = Arc::clone(&self.shared);
        let looked = tokio::task::spawn_blocking(move || {
            let ids = shared.publisher.topic_ids(&shared.topics);
            let mut starts = Vec::new();
            for (topic, partition) in assigned {
                let bounds = shared
                    .publisher
                    .watermarks(&topic, partition, WATERMARKS_TIMEOUT)?;
                shared.status.set_end(&topic, partition, bounds.1);
                let Some(shard) = found.iter_mut().find(|found| found.shard == partition) else {
                    continue;
                };
                let number = shared.topics.iter().position(|known| *known == topic);
                let id = number.and_then(|number| ids[number].clone());
                let position = position_of(shard, &topic, bounds.0);
                // Told to Kafka with the others, so that lag shows before the first batch.
                shared
                    .status
                    .set_position(&topic, partition, position.next_offset);
                let gap = gap(position, bounds, id.as_deref());
                shared.status.set_halted(&topic, partition, gap.as_deref());
                if let Some(gap) = gap {
                    tracing::error!(topic, partition, gap, "partition halted");
                    continue;
                }
                position.topic_id = position.topic_id.take().or(id);
                starts.push((topic, partition, position.next_offset));
            }
            Ok::<_, String>((found, starts))
        });
        looked.await.map_err(|error| error.to_string())?
    }
}

/// The position of a topic in a shard: as it was found, or the first one.
fn position_of<'f>(shard: &'f mut Found, topic: &str, first_offset: i64) -> &'f mut Position {
    let known = shard
        .positions
        .iter()
        .position(|position| position.topic == topic);
    let index = known.unwrap_or_else(|| {
        shard
            .positions
            .push(Position::new(topic, shard.shard, first_offset));
        shard.positions.len() - 1
    });
    &mut shard.positions[index]
}

/// Why reading cannot go on from a position, if it cannot: the exact account of what is missing.
fn gap(position: &Position, (first, end): (i64, i64), topic_id: Option<&str>) -> Option<String> {
    let at = position.next_offset;
    match (position.topic_id.as_deref(), topic_id) {
        (Some(before), Some(now)) if before != now => {
            return Some(format!(
                "the topic was created again: its id was {before} and is {now}; \
                 {at} records of the former one were read"
            ));
        }
        _ => {}
    }
    if at < first {
        return Some(format!("records {at} to {} were deleted unread", first - 1));
    }
    (at > end).then(|| format!("position {at} is behind the end {end}: another topic?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next_offset: i64, topic_id: Option<&str>) -> Position {
        let topic_id = topic_id.map(str::to_owned);
        Position {
            next_offset,
            topic_id,
            ..Position::new("t", 0, 0)
        }
    }

    #[test]
    fn a_position_within_the_topic_goes_on() {
        assert_eq!(gap(&at(5, Some("a")), (0, 5), Some("a")), None);
        assert_eq!(gap(&at(5, None), (5, 9), Some("a")), None);
        assert_eq!(gap(&at(5, Some("a")), (0, 9), None), None);
    }

    #[test]
    fn a_gap_is_accounted_for_exactly() {
        let gap = gap(&at(5, None), (8, 20), None).expect("records are missing");
        assert!(gap.contains("5 to 7"), "{gap}");
    }

    #[test]
    fn a_topic_that_was_created_again_is_another_topic() {
        assert!(gap(&at(5, Some("a")), (0, 9), Some("b")).is_some());
        assert!(gap(&at(5, None), (0, 4), None).is_some());
    }
}
